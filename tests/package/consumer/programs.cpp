// What neutra::train names is found and links.
#if defined(CONSUMER_ALL)
#include "neutra/all.hpp"
#else
#include "neutra/core/random.hpp"
#endif

#include <sentencepiece_processor.h>
#include <CLI/CLI.hpp>
#include <Eigen/Core>
#include <nlohmann/json.hpp>
#include <xsimd/xsimd.hpp>

int main() {
  sentencepiece::SentencePieceProcessor pieces;
  Eigen::Vector2f ones = Eigen::Vector2f::Ones();
  const nlohmann::json sum = ones.sum();
  return CLI::App("consumer").get_name().empty() && sum == 2.0f && !pieces.Load("no such file").ok() ? 0 : 1;
}
