/// What a study is: its question, its methods, and what is varied beside them.
#pragma once

#include "neutra/study/options.hpp"

#include <functional>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// A part of a study that cannot stand in one table with the others, because its texts or its backbone differ.
///   change(options, data)   data: the folder of --data
struct Variation {
  std::string name;  // of its folder and heading
  std::function<void(study::Options&, const io::Path&)> change;
  /// Whether it is the next stage after the part before it: each of its rows extends the model that the row of the same
  /// method and seed left there (see study::Rows).
  bool continues = false;
};

/// Files of a folder of texts that holds SOURCE.train.txt and SOURCE.valid.txt:
///     texts(data, {"en/wiki", "en/ewt"}, ".train.txt")
inline std::vector<io::Path> texts(const io::Path& data, const std::vector<std::string>& sources,
                                   const std::string& ending) {
  std::vector<io::Path> paths;
  for (const std::string& source : sources) paths.push_back(data / (source + ending));
  return paths;
}

/// What a study asks, and of which methods.
struct StudyProgram {
  std::string name, question;
  std::vector<std::string> methods;                    // specs, as of --method
  std::function<void(study::Options&)> defaults = {};  // of the options, before the command line
  std::vector<Variation> variations = {};              // none: the study has one part
  bool needs_data = false;                             // its variations name texts of --data
  bool pretrains = false;                              // its variations pretrain backbones of their own: no --model
  bool needs_model = false;                            // its variations say nothing without a given --model
};

}}}  // namespace neutra::NEUTRA_ABI::program
