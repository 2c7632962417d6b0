// Singular values before and after training, as table, JSON and page.
#include "neutra/report/spectra.hpp"

#include "tests/catch.hpp"
#include "tests/report/html.hpp"

#include <sstream>

using namespace neutra;
using html::check_page;
using html::count;

namespace {

report::AdapterSpectra sample_of() {
  return {.label = "runs/neutral/adapter.safetensors",
          .start = "the initial values of seed 1",
          .matrices = {{"gate", 0, 1, 8, {{0.5}}, {{2.5}}},
                       {"up_proj", 0, 3, 8, {{1, 1, 1}}, {{4, 2, 0}}},
                       {"gate", 1, 1, 8, {{0.25}}, {{1.5}}},
                       {"up_proj", 1, 3, 8, {{0, 0, 0}}, {{10, 1, 1}}}}};
}

}  // namespace

TEST_CASE("spectra: the table has a line for each matrix, aligned, with stable ranks on both sides") {
  const std::string table = report::spectra_table(sample_of(), 2);
  CHECK(table ==
        "runs/neutral/adapter.safetensors\n"
        "before training: the initial values of seed 1\n"
        "                      before               after\n"
        "layer matrix  shape      s1    s2 stable       s1    s2 stable\n"
        "    0 gate    1 x 8   0.500     -   1.00    2.500     -   1.00\n"
        "    0 up_proj 3 x 8   1.000 1.000   3.00    4.000 2.000   1.25\n"
        "    1 gate    1 x 8   0.250     -   1.00    1.500     -   1.00\n"
        "    1 up_proj 3 x 8   0.000 0.000   0.00   10.000 1.000   1.02\n");
}

TEST_CASE("spectra: JSON has all singular values") {
  const io::Json json = report::to_json(sample_of());
  CHECK(json["adapter"] == "runs/neutral/adapter.safetensors");
  CHECK(json["matrices"].size() == 4);
  CHECK(json["matrices"][1] == io::Json{{"name", "up_proj"},
                                        {"layer", 0},
                                        {"rows", 3},
                                        {"cols", 8},
                                        {"before", {{"singular_values", {1.0, 1.0, 1.0}}, {"stable_rank", 3.0}}},
                                        {"after", {{"singular_values", {4.0, 2.0, 0.0}}, {"stable_rank", 1.25}}}});
}

TEST_CASE("spectra: the page draws each matrix by layer, vectors in the table alone, and any name is text") {
  auto adapter = sample_of();
  const std::string page = report::spectra_page({adapter, adapter}, "inspect --adapter 'a b'");
  check_page(page);
  CHECK(count(page, "class=\"panel\"") == 2 * 3);  // stable ranks, and the singular values of two layers
  CHECK(count(page, "<title>layer 1, after 1.020</title>") == 2);
  CHECK(count(page, "<title>index 1, after 2.000</title>") == 2);
  CHECK(count(page, "<h3>up_proj</h3>") == 2);
  CHECK(count(page, "<h3>gate</h3>") == 0);
  CHECK(page.find("inspect --adapter &#39;a b&#39;") != page.npos);
  adapter.matrices = {{"long", 0, 99, 99, {std::vector<double>(99, 1.0)}, {std::vector<double>(99, 2.0)}}};
  const std::string lines = report::spectra_page({adapter}, "");
  CHECK(count(lines, "<polyline class=\"curve") == 2 + 2);  // of the panel, and of the legend
  CHECK(count(lines, "<title>") == 1);                      // no circles, which would cover them
  adapter.label = "<i>\xff";
  adapter.matrices = {{"<script>", -1, 2, 2, {{0, 0}}, {{0, 0}}}};
  const std::string hostile = report::spectra_page({adapter}, "</code>");
  check_page(hostile);
  CHECK(hostile.find("<h3>&lt;script&gt;</h3>") != hostile.npos);
  adapter.matrices.clear();
  check_page(report::spectra_page({adapter}, ""));
}
