/// The log of a run: one JSON object per line, a line for each step.
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

/// Shows the lines of the first `steps` steps of a log's text to seen(line), and returns where they end. digest: their
/// SHA-256, empty where it is not known. Error: a line that is missing, no JSON or of another step; lines of another
/// digest. What is after them is not looked at.
template <class Seen>
std::size_t read_log(const std::filesystem::path& path, std::string_view text, Index steps, Seen&& seen,
                     std::string_view digest = {}) {
  return advised("bring the log back, or delete the checkpoint beside it to start this run anew", [&] {
    std::size_t end = 0;
    for (Index step = 0; step < steps; ++step) {
      const auto newline = text.find('\n', end);
      require(newline != text.npos, path.string(), ": must have a line for each of the ", steps,
              " steps that are done, but that of step ", step, " is missing");
      const std::string where = concat(path.string(), ": line ", step + 1);
      const io::Json json = io::parse(text.substr(end, newline - end), where);
      const io::Reader line(json, where);
      require(line.integer("step") == step, where, ": must be of step ", step, ", got ", line.integer("step"));
      seen(line);
      end = newline + 1;
    }
    require(digest.empty() || io::sha256_hex(text.substr(0, end)) == digest, path.string(), ": its first ", steps,
            " lines must be those that were written before the checkpoint was saved, but are not");
    return end;
  });
}

/// Opened for step n it keeps the lines of the steps before n, all of which must be there as they were written (digest:
/// the checkpoint's, see read_log): after a kill the log may be ahead of the checkpoint, never behind it.
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
  /// Error: a line that could not be written, as on a full disk.
  void write(const io::Json& line) {
    const std::string text = line.dump() + "\n";
    check(io::detail::error_of(std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
                               std::fflush(file_.get()) == 0));
    sum_.update(text);
  }
  /// SHA-256 of all its lines so far.
  std::string sha256() const { return sum_.hex(); }
  /// Puts what was written on the disk and not only in the system's memory. Before a checkpoint is saved, so that a
  /// power cut leaves no checkpoint that is ahead of its log.
  void flush() const { check(io::detail::error_of(::fsync(fileno(file_.get())) == 0)); }

 private:
  void check(int error) const {
    if (error != 0)
      throw io::WriteError(concat(path_.string(), ": the log cannot be written: ", io::detail::reason(error),
                                  "; the last checkpoint is whole: mend that, and continue with --resume"));
  }
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  io::Sha256 sum_;
  std::unique_ptr<std::FILE, Close> file_;
};

}}}  // namespace neutra::NEUTRA_ABI::train
