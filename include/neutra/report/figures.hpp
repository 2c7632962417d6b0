/// The sections of report.html that are pictures, and the tables that belong to them.
#pragma once

#include "neutra/report/html.hpp"
#include "neutra/report/panel.hpp"
#include "neutra/report/picture.hpp"
#include "neutra/study/line.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report { namespace detail {

inline std::string legend(const std::vector<study::Line>& lines) {
  const std::string ring =
      concat("<svg class=\"key\" viewBox=\"0 0 16 16\" width=\"16\" height=\"16\" aria-hidden=\"true\">",
             front_mark(8, 8, 7), "</svg>");
  std::string out = "<ul class=\"legend\">";
  for (const Entry& entry : entries(lines, styles(lines)))
    out += concat("<li>", entry.style ? key_mark(*entry.style) : ring, ' ', escape(entry.text), "</li>");
  return out + "</ul>\n";
}

inline std::string learning_figure(const std::vector<study::Line>& lines) {
  const auto both = [&](double farthest) {
    return learning_picture(lines, 760, 440, "wide", farthest) + learning_picture(lines, 350, 380, "narrow", farthest);
  };
  std::string out = concat("<h2>Learning against forgetting</h2>\n<figure>", legend(lines),
                           both(std::numeric_limits<double>::infinity()),
                           "<figcaption>Better is up and to the left. One point per method, rate and seed; large "
                           "points are at the rate of the table above, and a faint line joins one method\u2019s "
                           "rates. A solid line joins the means of a method over the numbers beside "
                           "it.</figcaption></figure>\n");
  if (const auto farthest = closer_view(lines))
    out += concat("<figure>", both(*farthest), "<figcaption>As above, without the runs that forget more than ",
                  fixed(*farthest, 3), " bits per byte.</figcaption></figure>\n");
  return out;
}

/// One panel for each line that has the values, all with the same axis; empty if none has them.
template <class Member>
std::string layer_figure(const std::vector<study::Line>& lines, Member member, double fixed_top,
                         const std::function<std::string(double)>& told, double scale) {
  const auto style = styles(lines);
  const auto scaled = [&](std::vector<double> values) {
    for (double& v : values) v *= scale;
    return values;
  };
  Panel panel{.first_name = "original", .second_name = "target", .axis = "layer", .top = fixed_top, .told = told};
  for (const study::Line& line : lines)
    if (line.*member)
      for (const auto* values : {&(line.*member)->original, &(line.*member)->target})
        for (const double v : *values) panel.top = std::max(panel.top, 1.05 * scale * v);
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!(lines[i].*member)) continue;
    panel.first = scaled((lines[i].*member)->original);
    panel.second = scaled((lines[i].*member)->target);
    out += panel_figure(panel, style[i], lines[i].label);
  }
  return out.empty() ? out : panels(panel.first_name, panel.second_name, out);
}

inline std::string layer_figures(const std::vector<study::Line>& lines) {
  const std::string gates = layer_figure(
      lines, &study::Line::gate_open_by_layer, 104, [](double v) { return percent(v / 100) + " %"; }, 100);
  const std::string ratios = layer_figure(
      lines, &study::Line::residue_ratio_by_layer, 1e-6, [](double v) { return fixed(v, 3); }, 1);
  std::string out = "<h2>Open gates by layer</h2>\n";
  out += gates.empty() ? "<p>No method here has a gate that closes to exactly zero.</p>\n"
                       : "<p class=\"note\">Percent of tokens whose gate is not exactly zero, at the rate of the "
                         "table; means over seeds.</p>\n" +
                             gates;
  if (!ratios.empty())
    out +=
        "<h2>Size of the residue by layer</h2>\n<p class=\"note\">The norm of the residue divided by that of the FFN "
        "output it is added to.</p>\n" +
        ratios;
  return out;
}

/// What parts of each line's adapter learn and forget; empty where no run was scored so.
inline std::string parts_table(const std::vector<study::Line>& lines) {
  std::string rows;
  for (const study::Line& line : lines)
    for (const study::Line::Part& part : line.attenuated)
      rows += concat("<tr><td class=\"name\">", escape(line.label), "</td>", cell(concat(part.scale)),
                     cell(concat(part.threshold)), cell(fixed(part.forgetting.value, 3)),
                     cell(fixed(part.learning.value, 3)), "</tr>\n");
  if (rows.empty()) return rows;
  return concat(
      "<h2>Parts of an adapter</h2>\n<p class=\"note\">The trained adapter applied at a scale, or with its gates "
      "below a threshold closed; means over seeds at the rate of the table. Thin broken lines in the picture.</p>\n"
      "<div class=\"scroll\"><table><thead><tr><th class=\"name\">method</th><th>scale</th><th>threshold</th>"
      "<th>forgetting</th><th>learning</th></tr></thead><tbody>\n",
      rows, "</tbody></table></div>\n");
}

/// The classes of tokens, the most frequent in the target text first, with their share of the tokens of each text.
struct ClassShare {
  std::string name;
  double original = 0, target = 0;
};
inline std::vector<ClassShare> class_shares(const std::vector<study::Line>& lines) {
  const auto known = std::find_if(lines.begin(), lines.end(), [](const auto& line) { return line.tokens_by_class; });
  if (known == lines.end()) return {};
  std::map<std::string, ClassShare> shares;
  const auto add = [&](const study::ByClass& tokens, double ClassShare::*share) {
    double sum = 0;
    for (const auto& [name, count] : tokens) sum += count;
    for (const auto& [name, count] : tokens) {
      shares[name].name = name;
      shares[name].*share = sum > 0 ? count / sum : 0;
    }
  };
  add(known->tokens_by_class->original, &ClassShare::original);
  add(known->tokens_by_class->target, &ClassShare::target);
  std::vector<ClassShare> all;
  for (const auto& [name, share] : shares) all.push_back(share);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.target > b.target; });
  return all;
}

/// A row for each line that has the values, a column for each class, "original / target" in the cells.
template <class Member>
std::string class_table(const std::vector<study::Line>& lines, Member member,
                        const std::function<std::string(double)>& told) {
  const std::vector<ClassShare> classes = class_shares(lines);
  std::string rows, heading;
  for (const ClassShare& one : classes) {
    std::string words = one.name;
    std::replace(words.begin(), words.end(), '_', ' ');
    heading += concat("<th>", escape(words), "<br/><small>", escape(percent(one.original)), " / ",
                      escape(percent(one.target)), " %</small></th>");
  }
  const auto value = [&](const study::ByClass& values, const std::string& name) {
    const auto own = values.find(name);
    return own == values.end() ? std::string("\u2013") : escape(told(own->second));
  };
  for (const study::Line& line : lines) {
    if (!(line.*member)) continue;
    rows += concat("<tr><td class=\"name\">", escape(line.label), "</td>");
    for (const ClassShare& one : classes)
      rows += cell(concat(value((line.*member)->original, one.name), " / ", value((line.*member)->target, one.name)));
    rows += "</tr>\n";
  }
  if (rows.empty() || classes.empty()) return "";
  return concat("<div class=\"scroll\"><table><thead><tr><th class=\"name\">method</th>", heading,
                "</tr></thead><tbody>\n", rows, "</tbody></table></div>\n");
}

/// Empty for results that lack the statistics.
inline std::string class_tables(const std::vector<study::Line>& lines) {
  const std::string gates = class_table(lines, &study::Line::gate_open_by_class, percent),
                    ratios =
                        class_table(lines, &study::Line::residue_ratio_by_class, [](double v) { return fixed(v, 3); });
  const std::string_view where =
      "original / target, over all layers, at the rate of the table; means over seeds. Below each class: its share of "
      "the tokens of the two texts.";
  std::string out;
  if (!gates.empty())
    out += concat(
        "<h2>Open gates by class of tokens</h2>\n<p class=\"note\">Percent of the tokens of a class whose "
        "gate is not exactly zero, ",
        where, "</p>\n", gates);
  if (!ratios.empty())
    out += concat(
        "<h2>Size of the residue by class of tokens</h2>\n<p class=\"note\">The norm of the residue divided "
        "by that of the FFN output it is added to, ",
        where, "</p>\n", ratios);
  return out;
}

}}}}  // namespace neutra::NEUTRA_ABI::report::detail
