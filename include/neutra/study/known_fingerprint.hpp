/// The fingerprint of a base model, computed once per run.
#pragma once

#include "neutra/io/file_identity.hpp"
#include "neutra/io/sealed.hpp"
#include "neutra/nn/fingerprint.hpp"

#include <filesystem>
#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The fingerprint of the model of a run, kept in a file of the run's folder. SHA-256 takes
/// three seconds for a billion weights (1.3 GB/s); a run that is continued, and each process of a study, takes the one
/// that is kept if size, time of change, inode and device of the model's files are as they were.
class KnownFingerprint {
 public:
  /// model: a folder or file, not yet read: what replaces it while it is being read is then not taken for it.
  KnownFingerprint(io::Path file, const io::Path& model)
      : file_(std::move(file)), files_(io::content_identity(model)) {}

  /// The fingerprint that is kept, or the result of compute(), if the files of the model or its configuration have
  /// changed, or nothing that can be read is kept.
  template <class Compute> std::string get(const nn::Config& config, const Compute& compute) {
    const io::Json identity = {{"files", files_}, {"function", io::sha256_hex(nn::function_text(config))}};
    try {
      const io::Json kept = std::filesystem::exists(file_) ? io::read_sealed(file_) : io::Json::object();
      if (kept.value("identity", io::Json()) == identity) return io::Reader(kept, file_.string()).text("fingerprint");
    } catch (const Error&) {
      // Damaged: computed again.
    }
    const std::string fingerprint = compute();
    computed_ = {{"identity", identity}, {"fingerprint", fingerprint}};
    return fingerprint;
  }
  /// Keeps what get() computed. Called once the folder belongs to the run. Error: a disk error.
  void save() {
    if (!computed_.empty()) io::write_sealed(file_, std::exchange(computed_, io::Json::object()));
  }

 private:
  io::Path file_;
  io::Json files_, computed_ = io::Json::object();
};

/// The file in which the run that left an adapter keeps the fingerprint of its model.
inline io::Path fingerprint_beside(const io::Path& adapter) { return adapter.parent_path() / "../../fingerprint.json"; }

}}}  // namespace neutra::NEUTRA_ABI::study
