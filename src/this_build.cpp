// A file of its own, because it is compiled again for every commit.
#include "neutra/study/this_build.hpp"
