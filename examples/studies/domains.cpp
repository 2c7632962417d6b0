// Is a residue as neutral when the new domain is in the language that the model knows?
//     domains --model MODEL --data DATA --out domains
//
// From general English to biomedical English and to program source. DATA/en has the English texts and biomed-craft and
// biomed-pubmedqa, DATA/code has cpp, C++ of any projects.
#include "texts.hpp"

using namespace neutra;

namespace {

std::function<void(study::Options&, const io::Path&)> to(const studies::Sources& target) {
  return [target](study::Options& options, const io::Path& data) {
    studies::set_texts(options, data, studies::english, studies::english_valid, target, target);
  };
}

}  // namespace

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "domains",
       .question = "Is a residue as neutral when the new domain is in the language that the model knows?",
       .methods = {"neutral: residue", "adapter", "lora", "finetune"},
       .variations = {{"biomedical English", to({"en/biomed-craft", "en/biomed-pubmedqa"})},
                      {"program source", to({"code/cpp"})}},
       .needs_data = true});
}
