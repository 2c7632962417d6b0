// How little target text, and how small a batch, are enough?
//     data_size --model MODEL --original TEXT... --target TEXT... --out data_size
//
// The first 30 kB to 1 MB of the target text, as many steps each, so that little text is read many times; and batches
// of 2 to 32 sequences, as many tokens each.
#include "neutra/program/study.hpp"

using namespace neutra;

namespace {

program::Variation bytes(const std::string& name, Index count) {
  return {name + " of text", [count](study::Options& options, const io::Path&) { options.target_bytes = count; }};
}
program::Variation batch(Index sequences) {
  return {concat("batches of ", sequences), [sequences](study::Options& options, const io::Path&) {
            options.steps = std::max<Index>(1, options.steps * options.batch / sequences);
            options.batch = sequences;
          }};
}

}  // namespace

int main(int argc, char** argv) {
  return program::study_main(argc, argv,
                             {.name = "data_size",
                              .question = "How little target text, and how small a batch, are enough?",
                              .methods = {"neutral: residue", "adapter"},
                              .variations = {bytes("30 kB", 30'000), bytes("100 kB", 100'000), bytes("300 kB", 300'000),
                                             bytes("1 MB", 1'000'000), batch(2), batch(8), batch(32)}});
}
