/// A page of text whose tokens are coloured by their gates.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/numbers.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/report/html.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

/// The tokens of a text, any bytes, with their gates.
///   gates[l][n]: of token n in layer layers[l]
///   facts: what the page says of their origin, by name
struct GatedText {
  std::vector<std::string> tokens{};
  std::vector<Index> layers{};
  std::vector<std::vector<double>> gates{};
  std::vector<std::pair<std::string, std::string>> facts{};
};

namespace detail {

/// One way to colour the text. top: the size of gate that has the full colour
struct GateView {
  std::string name;
  std::vector<double> gates;
  double top = 1;
};

/// The size that one gate in a hundred exceeds, so that a few large ones do not leave the others pale.
inline double full_colour(std::vector<double> gates) {
  for (double& gate : gates) gate = std::abs(gate);
  std::erase(gates, 0.0);
  if (gates.empty()) return 1;
  const auto at = gates.begin() + static_cast<std::ptrdiff_t>((gates.size() - 1) * 99 / 100);
  std::nth_element(gates.begin(), at, gates.end());
  return *at;
}

/// The mean over layers, then each layer.
inline std::vector<GateView> gate_views(const GatedText& text) {
  std::vector<GateView> views{{"mean over layers", std::vector<double>(text.tokens.size())}};
  for (std::size_t l = 0; l < text.layers.size(); ++l) {
    for (std::size_t n = 0; n < text.tokens.size(); ++n)
      views[0].gates[n] += text.gates[l][n] / static_cast<double>(text.layers.size());
    views.push_back({concat("layer ", text.layers[l]), text.gates[l]});
  }
  for (GateView& view : views) view.top = full_colour(view.gates);
  return views;
}

/// The text of a token: line ends are shown and end the line, other control characters and broken UTF-8 are shown as
/// \x1f, and a long token is cut.
inline std::string token_html(std::string_view bytes) {
  constexpr std::size_t longest = 200;
  std::string out;
  const bool cut = bytes.size() > longest;
  bytes = bytes.substr(0, longest);
  while (true) {
    const std::size_t end = bytes.find('\n');
    out += escape(bytes.substr(0, end));
    if (end == bytes.npos) break;
    out += "\u21b5\n";
    bytes.remove_prefix(end + 1);
  }
  return cut ? out + "..." : out;
}

inline std::string gate_style(std::size_t views) {
  std::string rules = R"css(
:root { --up: 31 104 201; --down: 194 80 13; }
@media screen and (prefers-color-scheme: dark) { :root { --up: 92 156 240; --down: 238 138 79; } }
.text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.75; border-top: 1px solid var(--rule);
  margin: .8rem 0; padding: .8rem 0; }
.text i { font-style: normal; border-radius: 2px; --g: var(--g0, 0);
  background: linear-gradient(rgb(var(--down) / calc(var(--g) * -.6)), rgb(var(--down) / calc(var(--g) * -.6))),
    rgb(var(--up) / calc(var(--g) * .6)); }
.text i:hover { outline: 1px solid var(--ink); }
label { margin-right: .9rem; white-space: nowrap; font-size: .875rem; } label small { color: var(--soft); }
.scale { display: inline-block; vertical-align: middle; width: 9rem; height: 1rem; border: 1px solid var(--rule); }
.positive { background: linear-gradient(to right, transparent, rgb(var(--up) / .6)); }
.signed { background: linear-gradient(to right, rgb(var(--down) / .6), transparent, rgb(var(--up) / .6)); }
)css";
  for (std::size_t v = 1; v < views; ++v) rules += concat("#v", v, ":checked ~ .text i { --g: var(--g", v, ", 0); }\n");
  return rules;
}

/// The token with its share of the full colour in each view, and all gates in the tooltip.
inline std::string gated_token(const std::string& bytes, const std::vector<GateView>& views, std::size_t n) {
  std::string style, title = concat(io::printable(bytes), ": ");
  for (std::size_t v = 0; v < views.size(); ++v) {
    const double gate = views[v].gates[n], share = std::clamp(gate / views[v].top, -1.0, 1.0);
    title += concat(v == 0 ? "" : ", ", views[v].name, ' ', fixed(gate, 3));
    if (gate != 0) style += concat("--g", v, ':', fixed(share, 2), ';');
  }
  return concat("<i", style.empty() ? "" : concat(" style=\"", style, '"'), " title=\"", escape(title), "\">",
                token_html(bytes), "</i>");
}

}  // namespace detail

/// A self-contained page: the text with a background by the mean gate over layers or, as the reader chooses, by that of
/// one layer; blue for positive gates, orange for negative ones, none for a gate of exactly zero. All text is escaped.
/// Error: other than one gate for each token and layer; a gate that is not finite.
inline std::string gate_page(const GatedText& text) {
  require(text.gates.size() == text.layers.size(), "gate page: each of the ", text.layers.size(),
          " layers must have gates, got those of ", text.gates.size());
  for (const auto& gates : text.gates) {
    require(gates.size() == text.tokens.size(), "gate page: each of the ", text.tokens.size(),
            " tokens must have a gate in every layer, got ", gates.size());
    require(std::all_of(gates.begin(), gates.end(), [](double gate) { return std::isfinite(gate); }),
            "gate page: gates must be finite numbers");
  }
  const std::vector<detail::GateView> views = detail::gate_views(text);
  const bool negative = std::any_of(views.begin(), views.end(), [](const detail::GateView& view) {
    return std::any_of(view.gates.begin(), view.gates.end(), [](double gate) { return gate < 0; });
  });
  std::string body =
      "<h1>A text by its gates</h1>\n<p>Each token has a background by its gate: none where the gate is exactly zero. "
      "Point at a token for its gates in all layers.</p>\n<table class=\"facts\"><tbody>\n";
  for (const auto& [name, fact] : text.facts) body += detail::fact(name, escape(fact));
  body += concat("</tbody></table>\n<p class=\"note\">", negative ? "minus the full colour " : "0 ",
                 "<span class=\"scale ", negative ? "signed" : "positive",
                 "\"></span> full colour: the size behind each name below, which one gate in a hundred exceeds</p>\n");
  for (std::size_t v = 0; v < views.size(); ++v)
    body += concat("<input type=\"radio\" name=\"view\" id=\"v", v, v == 0 ? "\" checked/>" : "\"/>", "<label for=\"v",
                   v, "\">", escape(views[v].name), " <small>", fixed(views[v].top, 3), "</small></label>\n");
  body += "<div class=\"text\">";
  for (std::size_t n = 0; n < text.tokens.size(); ++n) body += detail::gated_token(text.tokens[n], views, n);
  return detail::html_page("A text by its gates", detail::gate_style(views.size()), body + "</div>\n");
}

}}}  // namespace neutra::NEUTRA_ABI::report
