// Does the method keep its lead as the backbone grows?
//     scale --original TEXT... --target TEXT... --out scale
//
// Four backbones of 0.4 to 20 million weights, pretrained alike: as many tokens and the same rate times width.
#include "neutra/program/study.hpp"

using namespace neutra;

namespace {

program::Variation backbone(const std::string& name, Index dim, Index layers) {
  return {name, [=](study::Options& options, const io::Path&) {
            if (options.quick) return;  // as small as a quick run is
            options.pretrain_lr *= static_cast<double>(options.dim) / static_cast<double>(dim);
            options.dim = dim;
            options.layers = layers;
            options.heads = dim / 32;
          }};
}

}  // namespace

int main(int argc, char** argv) {
  return program::study_main(
      argc, argv,
      {.name = "scale",
       .question = "Does the method keep its lead as the backbone grows?",
       .methods = {"neutral: residue", "adapter", "lora", "finetune"},
       .defaults = [](study::Options& o) { o.tied = true; },
       .variations = {backbone("0.4 million weights", 64, 4), backbone("1 million weights", 128, 4),
                      backbone("3 million weights", 192, 6), backbone("20 million weights", 448, 8)},
       .pretrains = true});
}
