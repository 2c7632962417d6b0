/// results.json: what every program of neutra records of its runs, and the only input of tables and reports.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/json.hpp"
#include "neutra/study/choice.hpp"
#include "neutra/study/failure.hpp"
#include "neutra/study/machine.hpp"
#include "neutra/study/results_1.hpp"
#include "neutra/study/run_result.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The format's name and version, the first thing a reader checks.
inline constexpr std::string_view results_schema = "neutra.results/2";

/// The largest results.json that is read, in bytes: twenty-five thousand rows of six layers, each of 99 values and
/// about 3,800 bytes. These are fewer than the four million values that io::parse accepts.
inline constexpr std::uint64_t max_results = 100'000'000;

/// A results file, by default with the commit and machine of this program.
/// config: the options of the run, any JSON object. Tables and reports read two of its keys, if present:
///   command      the command line, a string
///   baseline     the label of the method that others are compared with
/// text_sha256: 64 hexadecimal digits by the text's role or name.
struct Results {
  std::string commit = study::commit();
  Machine machine = study::machine();
  io::Json config = io::Json::object();
  std::map<std::string, std::string> text_sha256;
  std::vector<Choice> choices;
  std::vector<RunResult> rows;
  std::vector<Failure> failed;  // runs without a row
};

namespace detail {

template <class Visitor, class M> void visit_machine(Visitor& visit, M& machine) {
  visit("processor", machine.processor);
  visit("threads", machine.threads);
  visit("instruction_set", machine.instruction_set);
  visit("compiler", machine.compiler);
  visit("flags", machine.flags);
  visit("xsimd", machine.xsimd);
}

/// Bits per byte of both domains before a run, by what it starts from: builds_on, empty for the backbone.
using ScoresBefore = std::map<std::string, std::pair<double, double>>;

/// Adds the scores of rows. Error: two scores of one model, whose difference would be taken for that of the methods;
/// rows that build on those of an earlier stage, and others.
inline void check_before(ScoresBefore& known, const std::vector<RunResult>& rows, const std::string& where) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string model = rows[i].builds_on.value_or("");
    const std::pair own(rows[i].original.before, rows[i].target.before);
    require(known.empty() || known.begin()->first.empty() == model.empty(), where, ": rows[", i, "] must ",
            model.empty() ? "" : "not ", "build on a run of an earlier stage, as the first row does",
            model.empty() ? "" : " not", "; make and join only results of one stage");
    const auto [first, fresh] = known.emplace(model, own);
    require(fresh || first->second == own, where, ": rows[", i, "] must be of the ",
            model.empty() ? "backbone of the first row" : "model of the first row that builds on the same",
            ", which has ", first->second.first, " and ", first->second.second, " bits per byte, got ", own.first,
            " and ", own.second, "; make and join only extensions of one backbone, scored by one build of the program");
  }
}
inline void check_one_backbone(const std::vector<RunResult>& rows, const std::string& where) {
  ScoresBefore known;
  check_before(known, rows, where);
}

inline void check_sha256(std::string_view where, const std::string& name, const std::string& digits) {
  require(digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == digits.npos, where, ": text_sha256.",
          io::printable(name), " must be 64 hexadecimal digits, got \"", io::printable(digits), '"');
}

}  // namespace detail

/// The results as the JSON of results.json; `where` opens each message.
/// Error: a number that is not finite, which JSON cannot hold, by row and key; rows of two backbones; a hash that is
/// none; a config that is no object.
inline io::Json to_json(const Results& results, const std::string& where = "results") {
  require(results.config.is_object(), where, ": config must be an object");
  detail::check_one_backbone(results.rows, where);
  for (const auto& [name, digits] : results.text_sha256) detail::check_sha256(where, name, digits);
  detail::FieldWriter machine(where + ": machine");
  detail::visit_machine(machine, results.machine);
  io::Json rows = io::Json::array();
  for (const RunResult& row : results.rows) {
    detail::FieldWriter write(concat(where, ": rows[", rows.size(), "]"));
    detail::visit_row(write, row);
    rows.push_back(write.take());
  }
  io::Json choices = io::Json::array();
  for (const Choice& choice : results.choices)
    choices.push_back(to_json(choice, concat(where, ": choices[", choices.size(), "]")));
  io::Json json = {{"schema", results_schema}, {"commit", results.commit},           {"machine", machine.take()},
                   {"config", results.config}, {"text_sha256", results.text_sha256}, {"choices", std::move(choices)},
                   {"rows", std::move(rows)}};
  for (const Failure& failure : results.failed)
    json["failed"].push_back(to_json(failure, where + ": failed"));  // absent if none did
  return json;
}

/// Results from the JSON of a results.json of this schema or the previous one, read strictly; `where`, such as its
/// path, opens each message.
/// Error: another schema; a key that is missing, unknown or of the wrong type, by its place, as in "results.json:
/// rows[2]: seed ..."; a number that no run can have; rows of two backbones.
inline Results results_from_json(const io::Json& json, const std::string& where = "results") {
  const io::Reader read(json, where);
  const auto schema = read.text("schema");
  if (schema == detail::results_schema_1) return results_from_json(detail::results_from_1(read), where);
  require(schema == results_schema, where, ": schema must be \"", results_schema, "\", got \"", io::printable(schema),
          "\"; read it with the version of neutra that wrote it");
  read.only({"schema", "commit", "machine", "config", "text_sha256", "choices", "rows", "failed"});
  Results results;
  results.commit = read.text("commit");
  const io::Reader machine(read.value("machine"), where + ": machine");
  detail::FieldReader fields(machine);
  detail::visit_machine(fields, results.machine);
  fields.finish();
  results.config = read.object("config").json();
  const io::Reader hashes = read.object("text_sha256");
  for (const auto& [name, ignored] : hashes.json().items())
    detail::check_sha256(where, name, results.text_sha256[name] = hashes.text(name));
  for (const io::Json& row : read.array("rows"))
    results.rows.push_back(detail::read_row(row, concat(where, ": rows[", results.rows.size(), "]")));
  for (const io::Json& choice : read.array("choices"))
    results.choices.push_back(choice_from_json(choice, concat(where, ": choices[", results.choices.size(), "]")));
  if (read.has("failed"))
    for (const io::Json& failure : read.array("failed"))
      results.failed.push_back(failure_from_json(failure, concat(where, ": failed[", results.failed.size(), "]")));
  detail::check_one_backbone(results.rows, where);
  return results;
}

/// Replaces a results.json, whole or not at all. Error: see to_json and io::write_json.
inline void write_results(const std::filesystem::path& path, const Results& results) {
  io::write_json(path, to_json(results, path.string()));
}

/// Reads a results.json. Error: see io::read_json and results_from_json.
inline Results read_results(const std::filesystem::path& path) {
  return results_from_json(io::read_json(path, max_results), path.string());
}

}}}  // namespace neutra::NEUTRA_ABI::study
