/// Reading and writing safetensors files.
#pragma once

#include "neutra/io/safetensors_reader.hpp"
#include "neutra/io/safetensors_writer.hpp"
