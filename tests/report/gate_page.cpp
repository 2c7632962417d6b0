// The page of a text coloured by its gates: colours follow the gates, any text is text, and it works without a script.
#include "neutra/report/gate_page.hpp"

#include "tests/catch.hpp"
#include "tests/report/html.hpp"

#include <limits>

using namespace neutra;
using html::check_page;
using html::count;

namespace {

report::GatedText text_of(std::vector<std::string> tokens, std::vector<std::vector<double>> gates) {
  report::GatedText text{.tokens = std::move(tokens), .layers = {}, .gates = std::move(gates), .facts = {}};
  for (std::size_t l = 0; l < text.gates.size(); ++l) text.layers.push_back(static_cast<Index>(2 * l));
  return text;
}

}  // namespace

TEST_CASE("gate page: each token has its share of the full colour in each view, and its gates in the tooltip") {
  auto text = text_of({"The", " end", "."}, {{0, 0.5, 1}, {0, 2, 1}});
  text.facts = {{"tokens", "all 3 of 3"}};
  const std::string page = report::gate_page(text);
  check_page(page);
  CHECK(page.find("<i title=\"The: mean over layers 0.000, layer 0 0.000, layer 2 0.000\">The</i>") != page.npos);
  // Of the two values above zero the smaller one has the full colour: less than one in a hundred exceeds it.
  CHECK(page.find(
            "<i style=\"--g0:1.00;--g1:1.00;--g2:1.00;\" title=\" end: mean over layers 1.250, layer 0 0.500, layer 2 "
            "2.000\"> end</i>") != page.npos);
  CHECK(count(page, "<input type=\"radio\"") == 3);
  CHECK(count(page, "checked/>") == 1);
  CHECK(page.find("#v2:checked ~ .text i { --g: var(--g2, 0); }") != page.npos);
  CHECK(page.find("<label for=\"v1\">layer 0 <small>0.500</small>") != page.npos);
  CHECK(page.find("class=\"scale positive\"") != page.npos);
  CHECK(page.find("<th>tokens</th><td>all 3 of 3</td>") != page.npos);
}

TEST_CASE("gate page: negative gates have a colour of their own") {
  const std::string page = report::gate_page(text_of({"a", "b"}, {{-0.5, 0.5}}));
  check_page(page);
  CHECK(page.find("--g0:-1.00;--g1:-1.00;") != page.npos);
  CHECK(page.find("class=\"scale signed\"") != page.npos);
}

TEST_CASE("gate page: any bytes are text, line ends end lines, and long tokens are cut") {
  const std::vector<std::string> tokens{"<script>alert(1)</script>",
                                        "\" onmouseover=\"x",
                                        "</div>",
                                        "&amp;",
                                        "\xff",
                                        "\u202e",
                                        "a\n\nb",
                                        "'",
                                        "",
                                        "\x1b[1m",
                                        std::string(100000, 'x'),
                                        "\u00e6"};
  auto text = text_of(tokens, {std::vector<double>(tokens.size(), 1.0)});
  text.facts = {{"<b>", "<u>\n"}};
  const std::string page = report::gate_page(text);
  check_page(page);
  CHECK(page.size() < 10000);
  for (const char* part : {">&lt;script&gt;alert(1)&lt;/script&gt;</i>", ">&quot; onmouseover=&quot;x</i>",
                           ">&lt;/div&gt;</i>", ">&amp;amp;</i>", ">\\xff</i>", ">\\xe2\\x80\\xae</i>",
                           ">a\u21b5\n\u21b5\nb</i>", ">\\x1b[1m</i>", ">\u00e6</i>", "title=\"a\\x0a\\x0ab: mean"}) {
    INFO(part);
    CHECK(page.find(part) != page.npos);
  }
}

TEST_CASE("gate page: without tokens, closed gates, and what it refuses") {
  check_page(report::gate_page(text_of({}, {{}})));
  const std::string closed = report::gate_page(text_of({"a"}, {{0}}));
  check_page(closed);
  CHECK(closed.find("<i style") == closed.npos);
  CHECK_THROWS_AS(report::gate_page(text_of({"a", "b"}, {{0}})), Error);
  CHECK_THROWS_AS(report::gate_page(text_of({"a"}, {{std::numeric_limits<double>::infinity()}})), Error);
  auto fewer = text_of({"a"}, {{0}});
  fewer.layers.clear();
  CHECK_THROWS_AS(report::gate_page(fewer), Error);
}
