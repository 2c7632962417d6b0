/// Checkpoints: weights, optimizer state and progress of a run, in one file that is written whole or not at all.
#pragma once

#include "neutra/autodiff/parameter.hpp"
#include "neutra/backend/device.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/safetensors.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/host.hpp"

#include <array>
#include <charconv>
#include <deque>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Name and version of the format.
inline constexpr std::string_view checkpoint_schema = "neutra.checkpoint/3";

/// The progress of a run.
struct SavedProgress {
  Index steps = 0;
  double seconds = 0;  // training time, over all sessions
  std::string log;     // SHA-256 of the log lines of these steps
};

namespace detail {

/// The metadata that a checkpoint's hash covers.
inline constexpr std::array<const char*, 4> checkpoint_notes = {"steps", "seconds", "log", "identity"};

/// A SHA-256 over the metadata, to which the values are added in the order of the parameters. safetensors has no
/// checksum, and a single wrong bit would make another run.
inline io::Sha256 sum_of(const io::Metadata& notes) {
  io::Sha256 sum;
  for (const char* key : checkpoint_notes) sum.update(notes.at(key) + "\n");
  return sum;
}

/// Error: text that is not a non-negative number.
template <class T>
T count_of(const io::Metadata& notes, const char* key, const std::string& where, std::string_view advice) {
  const std::string& text = notes.at(key);
  T value{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  require(end.ec == std::errc{} && end.ptr == text.data() + text.size() && value >= 0, where, ": ", key,
          " must be a non-negative number, got ", io::printable(text), advice);
  return value;
}
inline void add_values(io::Sha256& sum, View<const float> values) {
  sum.update({reinterpret_cast<const char*>(values.data), static_cast<std::size_t>(values.size()) * sizeof(float)});
}

}  // namespace detail

/// Writes a checkpoint. `identity` describes the run (options, texts, base, binary); load_checkpoint rejects any other.
inline void save_checkpoint(const std::filesystem::path& path,
                            const std::vector<Parameter<float, DefaultDevice>*>& parameters,
                            const SavedProgress& reached, const io::Json& identity) {
  std::deque<Tensor<float>> copies;
  std::vector<io::NamedView<float>> tensors;
  for (const auto* p : parameters) {
    tensors.push_back({p->name, nn::on_host(p->value, copies)});
    tensors.push_back({p->name + ".mean", nn::on_host(p->mean, copies)});
    tensors.push_back({p->name + ".variance", nn::on_host(p->variance, copies)});
  }
  io::Metadata notes = {{"schema", std::string(checkpoint_schema)},
                        {"steps", concat(reached.steps)},
                        {"seconds", concat(reached.seconds)},
                        {"log", reached.log},
                        {"identity", identity.dump()}};
  io::Sha256 sum = detail::sum_of(notes);
  for (const auto& tensor : tensors) detail::add_values(sum, tensor.view);
  notes["sha256"] = sum.hex();
  io::write_safetensors(path, tensors, notes);
}

/// Sets the parameters and returns the run's progress. Changes nothing unless everything matches.
/// Error: a checkpoint of another version or run (the first option that differs is named); damage; other tensors.
inline SavedProgress load_checkpoint(const std::filesystem::path& path,
                                     const std::vector<Parameter<float, DefaultDevice>*>& parameters,
                                     const io::Json& identity) {
  const std::string where = path.string();
  const auto file = io::Safetensors::open(where);
  const auto note = [&](const std::string& key) {
    const auto found = file.metadata().find(key);
    require(found != file.metadata().end(), where, ": is not a checkpoint (", key,
            " is missing); delete it to restart this run");
    return found->second;
  };
  const char* const advice = "; delete it to restart this run";
  require(note("schema") == checkpoint_schema, where, ": must be a ", checkpoint_schema, ", got ",
          io::printable(note("schema")),
          "; it was written by another version: continue with that version, or delete the file to restart this run");
  const io::Json written = io::parse(note("identity"), where);
  for (const auto& [key, value] : identity.items())
    require(written.contains(key) && written[key] == value, where, ": was written by a run with ", key, " = ",
            written.contains(key) ? written[key].dump() : "(nothing)", ", but this run has ", value.dump(),
            "; use the same options, or another --out");
  require(file.entries().size() == 3 * parameters.size(), where, ": must hold ", 3 * parameters.size(),
          " tensors, got ", file.entries().size(), advice);
  std::vector<Tensor<float>> values;
  for (const char* key : detail::checkpoint_notes) note(key);
  io::Sha256 sum = detail::sum_of(file.metadata());
  for (const auto* p : parameters)
    for (const auto* suffix : {"", ".mean", ".variance"}) {
      values.push_back(file.read<float>(p->name + suffix));
      require(values.back().shape() == p->value.shape(), where, ": ", p->name, suffix, " must be ", p->value.shape(),
              ", got ", values.back().shape(), advice);
      detail::add_values(sum, values.back().view());
    }
  require(note("sha256") == sum.hex(), where,
          ": content must match its hash, but does not; the file is damaged: delete it to restart this run");
  const SavedProgress reached{detail::count_of<Index>(file.metadata(), "steps", where, advice),
                              detail::count_of<double>(file.metadata(), "seconds", where, advice), note("log")};
  auto next = values.begin();
  for (auto* p : parameters)
    for (auto* tensor : {&p->value, &p->mean, &p->variance}) {
      nn::upload(*next, *tensor);
      ++next;
    }
  return reached;
}

}}}  // namespace neutra::NEUTRA_ABI::train
