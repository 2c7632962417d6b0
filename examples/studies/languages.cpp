// Does each further language leave those before it as they were?
//     languages --data DATA --model MODEL --out languages
//
// Danish, then Hungarian, then Slovak, and the order reversed. Every stage extends the model of the stage before it,
// which stays as it is; the original text of a stage is English and the languages before. LoRA is added likewise, and
// finetuning trains the finetuned model on. After every stage every language is scored on news of the same content.
#include "texts.hpp"

using namespace neutra;

namespace {

struct Language {
  std::string name;
  studies::Sources train, valid;
};
const Language english{"en", studies::english, studies::english_valid},
    danish{"da", {"da/lcc-news", "da/lcc-mixed", "da/ddt"}, {"da/lcc-news", "da/ddt"}},
    hungarian{"hu", {"hu/nerkor"}, {"hu/nerkor"}},
    slovak{"sk", {"sk/wikigold", "sk/snk-wiki"}, {"sk/wikigold", "sk/snk-wiki"}};

/// A language after others, the first of which is English.
program::Variation stage(const std::vector<Language>& known, const Language& added) {
  std::string name;
  for (std::size_t i = 1; i < known.size(); ++i) name += known[i].name + "-";
  const auto change = [=](study::Options& o, const io::Path& data) {
    studies::Sources train, valid;
    for (const Language& language : known) {
      train.insert(train.end(), language.train.begin(), language.train.end());
      valid.insert(valid.end(), language.valid.begin(), language.valid.end());
    }
    studies::set_texts(o, data, train, valid, added.train, added.valid);
    for (const Language& language : {english, danish, hungarian, slovak})
      o.further[language.name] = program::texts(data, {language.name + "/ntrex"}, ".valid.txt");
  };
  return {name + added.name, change, known.size() > 1};
}

}  // namespace

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "languages",
       .question = "Does each further language leave those before it as they were?",
       .methods = {"neutral: residue", "adapter", "lora", "finetune"},
       .variations = {stage({english}, danish), stage({english, danish}, hungarian),
                      stage({english, danish, hungarian}, slovak), stage({english}, slovak),
                      stage({english, slovak}, hungarian), stage({english, slovak, hungarian}, danish)},
       .needs_data = true});
}
