// Apart from all else, for it is compiled again for every commit.
#include "neutra/study/this_build.hpp"
