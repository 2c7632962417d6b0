/// A run's state on disk: weights, moments and the number of steps done, in one file that is whole or not there.
#pragma once

#include "neutra/autodiff/parameter.hpp"
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/safetensors.hpp"
#include "neutra/io/sha256.hpp"

#include <charconv>

namespace neutra::inline NEUTRA_ABI::train {

/// The format's name and version.
inline constexpr std::string_view checkpoint_schema = "neutra.checkpoint/2";

namespace detail {

/// SHA-256 over what a checkpoint says of its run and its values in the parameters' order: safetensors has no sum of its own, and one bit is another
/// run.
inline io::Sha256 sum_of(const std::string& steps, const std::string& identity) {
  io::Sha256 sum;
  sum.update(steps + "\n" + identity + "\n");
  return sum;
}
inline void add_values(io::Sha256& sum, View<const float> values) {
  sum.update({reinterpret_cast<const char*>(values.data), static_cast<std::size_t>(values.size()) * sizeof(float)});
}

}  // namespace detail

/// Replaces a checkpoint. `identity` says which run it is of (options, texts, base, binary): load refuses any other.
inline void save_checkpoint(const std::filesystem::path& path, const std::vector<Parameter<float, Cpu>*>& parameters, Index steps,
                            const io::Json& identity) {
  std::vector<io::NamedView<float>> tensors;
  for (const auto* p : parameters) {
    tensors.push_back({p->name, p->value.view()});
    tensors.push_back({p->name + ".mean", p->mean.view()});
    tensors.push_back({p->name + ".variance", p->variance.view()});
  }
  const std::string done = std::to_string(steps), run = identity.dump();
  io::Sha256 sum = detail::sum_of(done, run);
  for (const auto& tensor : tensors) detail::add_values(sum, tensor.view);
  io::write_safetensors(path, tensors, {{"schema", std::string(checkpoint_schema)}, {"steps", done}, {"identity", run}, {"sha256", sum.hex()}});
}

/// Fills the parameters and returns the number of steps done. Nothing is changed unless everything fits.
/// Error: a checkpoint of another version or run (the first option that differs is named), damaged, or with other tensors.
inline Index load_checkpoint(const std::filesystem::path& path, const std::vector<Parameter<float, Cpu>*>& parameters, const io::Json& identity) {
  const auto file = io::Safetensors::open(path.string());
  const auto note = [&](const std::string& key) {
    const auto found = file.metadata().find(key);
    require(found != file.metadata().end(), path.string(), ": is no checkpoint (", key, " is missing); delete it to start this run anew");
    return found->second;
  };
  const char* const advice = "; delete it to start this run anew";
  require(note("schema") == checkpoint_schema, path.string(), ": must be a ", checkpoint_schema, ", got ", io::shown(note("schema")),
          "; it was written by another version: continue with that one, or delete it to start this run anew");
  const io::Json written = io::parse(note("identity"), path.string());
  for (const auto& [key, value] : identity.items())
    require(written.contains(key) && written[key] == value, path.string(), ": was written by a run with ", key, " = ",
            written.contains(key) ? written[key].dump() : "(nothing)", ", this one has ", value.dump(), "; use the same options, or another --out");
  require(file.entries().size() == 3 * parameters.size(), path.string(), ": must hold ", 3 * parameters.size(), " tensors, got ",
          file.entries().size(), advice);
  std::vector<Tensor<float>> values;
  const std::string digits = note("steps");
  io::Sha256 sum = detail::sum_of(digits, note("identity"));
  for (const auto* p : parameters)
    for (const auto* suffix : {"", ".mean", ".variance"}) {
      values.push_back(file.read<float>(p->name + suffix));
      require(values.back().shape() == p->value.shape(), path.string(), ": ", p->name, suffix, " must be ", p->value.shape(), ", got ",
              values.back().shape(), advice);
      detail::add_values(sum, values.back().view());
    }
  require(note("sha256") == sum.hex(), path.string(), ": its content is not what was saved; the file is damaged: delete it to start this run anew");
  Index steps = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), steps);
  require(end.ec == std::errc{} && end.ptr == digits.data() + digits.size() && steps >= 0, path.string(), ": steps must be a whole number, got ",
          digits, advice);
  auto next = values.begin();
  for (auto* p : parameters)
    for (auto* tensor : {&p->value, &p->mean, &p->variance}) {
      std::copy_n(next->data(), next->size(), tensor->data());
      ++next;
    }
  return steps;
}

}  // namespace neutra::inline NEUTRA_ABI::train
