/// A run's state on disk: weights, moments and how far it came, in one file that is whole or not there.
#pragma once

#include "neutra/autodiff/parameter.hpp"
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/safetensors.hpp"
#include "neutra/io/sha256.hpp"

#include <array>
#include <charconv>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The format's name and version.
inline constexpr std::string_view checkpoint_schema = "neutra.checkpoint/3";

/// How far a run came.
struct Reached {
  Index steps = 0;
  double seconds = 0;  // spent on them, by all sessions
  std::string log;     // SHA-256 of their lines in the log
};

namespace detail {

/// The notes that a checkpoint's sum covers.
inline constexpr std::array<const char*, 4> checkpoint_notes = {"steps", "seconds", "log", "identity"};

/// SHA-256 over what a checkpoint says of its run, to which its values are added in the parameters' order: safetensors
/// has no sum of its own, and one bit is another run.
inline io::Sha256 sum_of(const io::Metadata& notes) {
  io::Sha256 sum;
  for (const char* key : checkpoint_notes) sum.update(notes.at(key) + "\n");
  return sum;
}

/// Error: text that is no number, zero or more.
template <class T>
T count_of(const io::Metadata& notes, const char* key, const std::string& where, std::string_view advice) {
  const std::string& text = notes.at(key);
  T value{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  require(end.ec == std::errc{} && end.ptr == text.data() + text.size() && value >= 0, where, ": ", key,
          " must be a number, zero or more, got ", io::shown(text), advice);
  return value;
}
inline void add_values(io::Sha256& sum, View<const float> values) {
  sum.update({reinterpret_cast<const char*>(values.data), static_cast<std::size_t>(values.size()) * sizeof(float)});
}

}  // namespace detail

/// Replaces a checkpoint. `identity` says which run it is of (options, texts, base, binary): load refuses any other.
inline void save_checkpoint(const std::filesystem::path& path, const std::vector<Parameter<float, Cpu>*>& parameters,
                            const Reached& reached, const io::Json& identity) {
  std::vector<io::NamedView<float>> tensors;
  for (const auto* p : parameters) {
    tensors.push_back({p->name, p->value.view()});
    tensors.push_back({p->name + ".mean", p->mean.view()});
    tensors.push_back({p->name + ".variance", p->variance.view()});
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

/// Fills the parameters and returns how far the run came. Nothing is changed unless everything fits.
/// Error: a checkpoint of another version or run (the first option that differs is named), damaged, or with other
/// tensors.
inline Reached load_checkpoint(const std::filesystem::path& path, const std::vector<Parameter<float, Cpu>*>& parameters,
                               const io::Json& identity) {
  const std::string where = path.string();
  const auto file = io::Safetensors::open(where);
  const auto note = [&](const std::string& key) {
    const auto found = file.metadata().find(key);
    require(found != file.metadata().end(), where, ": is no checkpoint (", key,
            " is missing); delete it to start this run anew");
    return found->second;
  };
  const char* const advice = "; delete it to start this run anew";
  require(note("schema") == checkpoint_schema, where, ": must be a ", checkpoint_schema, ", got ",
          io::shown(note("schema")),
          "; it was written by another version: continue with that one, or delete it to start this run anew");
  const io::Json written = io::parse(note("identity"), where);
  for (const auto& [key, value] : identity.items())
    require(written.contains(key) && written[key] == value, where, ": was written by a run with ", key, " = ",
            written.contains(key) ? written[key].dump() : "(nothing)", ", this one has ", value.dump(),
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
          ": its content is not what was saved; the file is damaged: delete it to start this run anew");
  const Reached reached{detail::count_of<Index>(file.metadata(), "steps", where, advice),
                        detail::count_of<double>(file.metadata(), "seconds", where, advice), note("log")};
  auto next = values.begin();
  for (auto* p : parameters)
    for (auto* tensor : {&p->value, &p->mean, &p->variance}) {
      std::copy_n(next->data(), next->size(), tensor->data());
      ++next;
    }
  return reached;
}

}}}  // namespace neutra::NEUTRA_ABI::train
