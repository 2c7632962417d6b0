/// Everything: the core, the bridges to xtensor and Eigen, files, data, training and the programs. Needs all packages
/// of neutra::train.
#pragma once

// IWYU pragma: begin_exports
#include "neutra/backend/record/record.hpp"
#include "neutra/body/any.hpp"
#include "neutra/core/eigen.hpp"
#include "neutra/core/xtensor.hpp"
#include "neutra/data/mix.hpp"
#include "neutra/data/sentencepiece.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/init/any.hpp"
#include "neutra/io/folder.hpp"
#include "neutra/neutra.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/families/llama2c.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/penalty/any.hpp"
#include "neutra/program/extend.hpp"
#include "neutra/program/generate.hpp"
#include "neutra/report/markdown.hpp"
#include "neutra/study/join.hpp"
// IWYU pragma: end_exports
