/// safetensors files, read and written.
#pragma once

#include "neutra/io/safetensors_reader.hpp"
#include "neutra/io/safetensors_writer.hpp"
