/// The log of a run: one JSON object per line, one line per step.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/train/stopped.hpp"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Calls seen(line) for the lines of the first `steps` steps and returns the offset of their end. digest: their
/// expected SHA-256; empty if unknown. Lines after them are ignored. Error: a line that is missing, malformed or of
/// another step; another digest.
template <class Seen>
std::size_t read_log(const std::filesystem::path& path, std::string_view text, Index steps, Seen&& seen,
                     std::string_view digest = {}) {
  return with_advice("restore the log, or delete the checkpoint beside it to restart this run", [&] {
    std::size_t end = 0;
    for (Index step = 0; step < steps; ++step) {
      const auto newline = text.find('\n', end);
      require(newline != text.npos, path.string(), ": must have one line for each of the ", steps,
              " completed steps, but that of step ", step, " is missing");
      const std::string where = concat(path.string(), ": line ", step + 1);
      const io::Json json = io::parse(text.substr(end, newline - end), where);
      const io::Reader line(json, where);
      require(line.integer("step") == step, where, ": must be of step ", step, ", got ", line.integer("step"));
      seen(line);
      end = newline + 1;
    }
    require(digest.empty() || io::sha256_hex(text.substr(0, end)) == digest, path.string(), ": its first ", steps,
            " lines must be unchanged since the checkpoint was saved, but are not");
    return end;
  });
}

/// Opening the log for step n keeps the lines of the steps before n and drops the rest: after a kill the log may be
/// ahead of the checkpoint, never behind it. digest: that of the checkpoint; see read_log.
class Log {
 public:
  Log(const std::filesystem::path& path, Index from_step, std::string_view digest = {}) : path_(path) {
    std::string kept;
    if (from_step > 0) {
      if (std::filesystem::exists(path)) kept = io::read_file(path, std::uint64_t{1} << 40);
      kept.resize(read_log(
          path, kept, from_step, [](const io::Reader&) {}, digest));
    }
    sum_.update(kept);
    io::write_file(path, kept);
    file_.reset(std::fopen(path.c_str(), "abe"));
    check(io::detail::error_of(file_ != nullptr));
  }
  /// Error: the line could not be written, for example because the disk is full.
  void write(const io::Json& line) {
    const std::string text = line.dump() + "\n";
    check(io::detail::error_of(std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
                               std::fflush(file_.get()) == 0));
    sum_.update(text);
  }
  /// SHA-256 of all lines so far.
  std::string sha256() const { return sum_.hex(); }
  /// Flushes the log to disk. Done before a checkpoint is saved,
  /// so that no power cut leaves a checkpoint ahead of its log.
  void flush() const { check(io::detail::error_of(::fsync(fileno(file_.get())) == 0)); }

 private:
  void check(int error) const {
    if (error != 0)
      throw io::WriteError(concat(path_.string(), ": the log cannot be written: ", io::detail::reason(error),
                                  "; the last checkpoint is intact: fix the cause, and continue with --resume"));
  }
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  io::Sha256 sum_;
  std::unique_ptr<std::FILE, Close> file_;
};

}}}  // namespace neutra::NEUTRA_ABI::train
