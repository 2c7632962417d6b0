/// Results of the previous schema, neutra.results/1, converted to the JSON of the current one.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/json.hpp"
#include "neutra/study/shorthands.hpp"

#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace study { namespace detail {

inline constexpr std::string_view results_schema_1 = "neutra.results/1";

/// Converts a row, which named its method and had a column for some settings. The others were the same in every run of
/// that version, or stood in the options of the study.
inline io::Json run_from_1(const io::Json& old, const io::Json& options, const std::string& where) {
  const io::Reader read(old, where);
  const std::string method = read.text("method");
  io::Json run = old, settings = io::Json::object();
  for (const char* key : {"gate", "body", "penalty", "init", "placement", "capacity"}) {
    require(old.contains(key), where, ": ", key, " is missing; the file is not complete, or of another kind");
    if (old[key].is_null()) continue;
    if (std::string_view(key) == "capacity")
      settings[key] = read.number(key);
    else
      settings[key] = read.text(key);
  }
  for (const char* key : {"method", "gate", "body", "penalty", "init", "placement", "capacity"}) run.erase(key);
  const Shorthand* known = find_shorthand(method);
  const std::string kind = known ? std::string(known->kind) : settings.contains("body") ? "residue" : "none";
  if (settings.contains("body")) settings["width"] = 0;
  if (known && known->kind == "lora") {
    const std::string all = "q,k,v,o,gate,up,down";
    std::string targets = options.is_object() ? io::Reader(options, where + ": options").text("lora_targets", all) : "";
    for (char& c : targets)
      if (c == ',') c = '|';
    settings.update({{"targets", targets}, {"rank", 0}, {"scale", 1.0}});
  }
  settings["trains"] = known && known->trains == Trains::model ? "model" : "adapter";
  run.update({{"label", method}, {"kind", kind}, {"settings", settings}});
  return run;
}

/// The choice for a run, or null. The configuration recorded its rate under the name of the method, with or without the
/// alpha.
inline io::Json choice_from_1(const io::Json& run, const io::Json& config, const std::string& where) {
  const io::Json rates = config.value("chosen_lr", io::Json::object());
  const std::string label = run.at("label");
  const io::Json& alpha = run.at("alpha");
  const std::string with_alpha = alpha.is_number() ? concat(label, ", alpha ", alpha.get<double>()) : label;
  const auto rate = rates.is_object() && rates.contains(with_alpha) ? rates.find(with_alpha) : rates.find(label);
  if (!rates.is_object() || rate == rates.end() || !rate->is_number()) return nullptr;
  io::Json choice = io::Json::object();
  for (const char* key : {"label", "kind", "settings", "steps", "alpha", "share"}) choice[key] = run.at(key);
  choice.update({{"seed", 1u}, {"lr", *rate}, {"alpha_chosen", nullptr}, {"learns_as_baseline", nullptr}});
  choice["tried"] = io::Json::array();
  if (const auto scores = config.find("choosing"); scores != config.end() && scores->is_array())
    for (const io::Json& one : *scores) {
      const io::Reader read(one, where + ": choosing");
      read.only({"method", "alpha", "lr", "seed", "forgetting", "learning"});
      require(one.contains("alpha"), read.what(), ": alpha is missing; the file is not complete, or of another kind");
      if (read.text("method") == label && one["alpha"] == alpha && read.integer("seed") == 1)
        choice["tried"].push_back({{"lr", read.number("lr")},
                                   {"forgetting", read.number("forgetting")},
                                   {"learning", read.number("learning")}});
    }
  if (config.contains("chosen_alpha") && alpha.is_number()) {
    const bool chosen = config["chosen_alpha"] == alpha;
    choice["alpha_chosen"] = chosen;
    if (chosen) choice["learns_as_baseline"] = config.value("chosen_alpha_learns_as_vanilla", io::Json());
  }
  return choice;
}

/// Renames the texts of the tuning split, which were called choosing texts.
inline void rename_tuning_texts(io::Json& file) {
  for (const std::string role : {"original", "target"})
    if (const io::Json::json_pointer before = io::Json::json_pointer("/text_sha256") / (role + ".choosing");
        file.contains(before)) {
      file["text_sha256"][role + ".tuning"] = file.at(before);
      file["text_sha256"].erase(role + ".choosing");
    }
}

/// Converts a whole file. Error: a row or choice that does not follow that schema, with its place.
inline io::Json results_from_1(const io::Reader& read) {
  read.only({"schema", "commit", "machine", "config", "text_sha256", "rows", "failed"});
  io::Json json = read.json();
  json["schema"] = "neutra.results/2";
  const io::Json config = read.object("config").json(), options = config.value("options", io::Json::object());
  for (const char* list : {"rows", "failed"}) {
    if (!read.has(list)) continue;
    read.array(list);
    for (std::size_t i = 0; i < json[list].size(); ++i)
      json[list][i] = run_from_1(json[list][i], options, concat(read.what(), ": ", list, "[", i, "]"));
  }
  json["choices"] = io::Json::array();
  std::set<io::Json> seen;
  const io::Json rows = json["rows"];
  for (const io::Json& row : rows) {
    for (const char* key : {"steps", "alpha", "share"})
      if (!row.contains(key)) return json;  // reading the row reports it
    const io::Json line = io::Json::array({row["label"], row["settings"], row["steps"], row["share"], row["alpha"]});
    if (!seen.insert(line).second) continue;
    if (io::Json choice = choice_from_1(row, config, read.what()); !choice.is_null())
      json["choices"].push_back(std::move(choice));
    if (row["label"] == default_baseline) json["config"]["baseline"] = default_baseline;
  }
  for (const char* key : {"chosen_lr", "chosen_alpha", "chosen_alpha_learns_as_vanilla", "choosing"})
    json["config"].erase(key);
  rename_tuning_texts(json);
  return json;
}

}}}}  // namespace neutra::NEUTRA_ABI::study::detail
