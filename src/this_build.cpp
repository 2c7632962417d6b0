// Separate, because it is recompiled for every commit.
#include "neutra/study/this_build.hpp"
