// All fuzz targets but those of programs (programs.hpp).
#pragma once

#include "tests/fuzz/adapter.hpp"
#include "tests/fuzz/bpe_files.hpp"
#include "tests/fuzz/config.hpp"
#include "tests/fuzz/gguf.hpp"
#include "tests/fuzz/llama2c_model.hpp"
#include "tests/fuzz/model_folder.hpp"
#include "tests/fuzz/peft.hpp"
#include "tests/fuzz/questions.hpp"
#include "tests/fuzz/results.hpp"
#include "tests/fuzz/run_files.hpp"
#include "tests/fuzz/safetensors.hpp"
#include "tests/fuzz/shard_index.hpp"
#include "tests/fuzz/templates.hpp"
#include "tests/fuzz/texts.hpp"
#include "tests/fuzz/token_cache.hpp"
#include "tests/fuzz/tokenizers.hpp"

namespace fuzz {

inline constexpr Target targets[] = {{"adapter", adapter},
                                     {"added_tokens", added_tokens},
                                     {"bpe_files", bpe_files},
                                     {"checkpoint", checkpoint},
                                     {"config", config},
                                     {"generation_config", generation_config},
                                     {"gguf", gguf},
                                     {"json_lines", json_lines},
                                     {"llama2c_model", llama2c_model},
                                     {"log", log},
                                     {"model_folder", model_folder},
                                     {"outcome", outcome},
                                     {"packed_text", packed_text},
                                     {"peft", peft},
                                     {"plain_text", plain_text},
                                     {"questions", questions},
                                     {"results", results},
                                     {"safetensors", safetensors},
                                     {"shard_index", shard_index},
                                     {"templates", templates},
                                     {"token_cache", token_cache},
                                     {"tokenizer_bin", tokenizer_bin},
                                     {"tokenizer_json", tokenizer_json},
                                     {"tokenizer_model", tokenizer_model}};

}  // namespace fuzz
