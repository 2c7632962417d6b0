// How good must the stand-in for the original text be?
//     proxy --model MODEL --data DATA --out proxy
//
// A residue learns to be neutral on whatever stands in for the text of the backbone. Here it is the backbone's own
// text; one source of it; English of other sources, style and topic; and text that the backbone itself wrote:
//     generate --model MODEL --prompt "" --tokens 50000 --temperature 1 > DATA/en/sampled.train.txt
// Forgetting is measured on the backbone's own text. The target is Danish.
#include "texts.hpp"

using namespace neutra;

namespace {

program::Variation part(const std::string& name, const studies::Sources& stand_in) {
  return {name, [stand_in](study::Options& options, const io::Path& data) {
            studies::set_texts(options, data, stand_in, studies::english_valid,
                               {"da/lcc-news", "da/lcc-mixed", "da/ddt"}, {"da/ddt", "da/lcc-news"});
          }};
}

}  // namespace

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "proxy",
       .question = "How good must the stand-in for the original text be?",
       .methods = {"neutral: residue", "adapter"},
       .variations = {part("the text itself", studies::english), part("one source of it", {"en/europarl"}),
                      part("other sources", {"en/debian", "en/gnome-help"}), part("another style", {"en/tinystories"}),
                      part("another topic", {"en/biomed-craft"}), part("sampled from the backbone", {"en/sampled"})},
       .needs_data = true,
       .needs_model = true});
}
