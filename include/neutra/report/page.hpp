/// report.html and learning.svg: a study's results as a self-contained page and a picture.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/report/picture.hpp"
#include "neutra/report/style.hpp"
#include "neutra/report/svg.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/results.hpp"
#include "neutra/study/summary.hpp"
#include "neutra/train/overlap.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

namespace detail {

inline std::string cell(std::string_view text) { return concat("<td>", text, "</td>"); }

inline std::string html_mean(const study::Mean& m, int digits = 3) {
  return fixed(m.value, digits) +
         (m.error ? concat(" <small>\u00b1\u00a0", fixed(*m.error, digits), "</small>") : std::string());
}

inline std::string key_mark(std::size_t style) {
  return "<svg class=\"key\" viewBox=\"0 0 16 16\" width=\"16\" height=\"16\" aria-hidden=\"true\">" +
         svg::marker(style, style, 8, 8, 5.5, "mark") + "</svg>";
}

inline std::string fact(std::string_view name, std::string_view html) {
  return concat("<tr><th>", escape(name), "</th><td>", html, "</td></tr>\n");
}
inline std::string code(std::string_view text) { return concat("<code>", escape(text), "</code>"); }

/// One line per option; options of nested objects are named outer.inner.
inline std::string config_facts(const io::Json& config, const std::string& prefix = {}) {
  std::string out;
  for (const auto& [key, value] : config.items()) {
    if (prefix.empty() && key == "command") continue;  // shown above
    if (value.is_object() && !value.empty()) {
      out += config_facts(value, prefix + key + ".");
    } else {
      out +=
          fact(prefix + key, code(value.is_string() ? value.get<std::string>()
                                                    : value.dump(-1, ' ', false, io::Json::error_handler_t::replace)));
    }
  }
  return out;
}

inline std::string counted(std::size_t n, std::string_view one) { return concat(n, ' ', one, n == 1 ? "" : "s"); }

/// What is known about validation lines that are also in the training text. Empty for older results, and if neither
/// domain had a line to compare.
inline std::string validation_claim(const study::Results& results) {
  const train::Overlaps overlaps = train::overlaps_of(results.config);
  const auto compared =
      std::count_if(overlaps.begin(), overlaps.end(), [](const auto& item) { return item.second.lines > 0; });
  if (compared == 0) return "";
  const bool any_shorter =
      std::any_of(overlaps.begin(), overlaps.end(), [](const auto& item) { return item.second.shorter; });
  if (compared == 2 && !any_shorter && !train::any_in_training(overlaps))
    return ", of which no line of at least 50 characters is in the training text";
  return concat("; lines of at least 50 characters that are also in the training text: ", to_string(overlaps));
}

/// The question, and one sentence about what was run.
inline std::string introduction(const study::Results& results, const std::vector<study::Line>& lines) {
  std::set<double> rates;
  std::set<std::uint64_t> seeds;
  std::set<std::string> methods;
  for (const study::RunResult& row : results.rows) {
    rates.insert(row.lr);
    seeds.insert(row.seed);
    methods.insert(row.label);
  }
  std::string out =
      "<h1>Learning and forgetting</h1>\n<p>A language model pretrained on one domain, the <em>original</em>, is "
      "extended to another, the <em>target</em>. How much does each method learn of the target, and how much does it "
      "forget of the original? Learning is the fall of the target\u2019s bits per byte, forgetting the rise of the "
      "original\u2019s, both on validation text" +
      validation_claim(results) + ".</p>\n";
  if (!lines.empty())
    out += concat("<p>", counted(results.rows.size(), "run"), ": ", counted(methods.size(), "method"), ", ",
                  counted(rates.size(), "learning rate"), ", ", counted(seeds.size(), "seed"), ".</p>\n");
  out += "<table class=\"facts\"><tbody>\n";
  const auto command = results.config.find("command");
  if (command != results.config.end() && command->is_string())
    out += fact("command", code(command->get<std::string>()));
  out += fact("commit", code(results.commit));
  out += fact("machine", escape(concat(results.machine.processor, ", ",
                                       counted(static_cast<std::size_t>(results.machine.threads), "thread"), ", ",
                                       results.machine.instruction_set)));
  return out + "</tbody></table>\n";
}

inline std::string summary_table(const study::Results& results, const std::vector<study::Line>& lines) {
  std::string out =
      "<h2>Methods</h2>\n<div class=\"scroll\"><table><thead><tr><th "
      "class=\"name\">method</th><th>rate</th><th>seeds</th><th>original before</th><th>original after</th><th>target "
      "before</th><th>target after</th><th>forgetting</th><th>learning</th><th>forgetting at the baseline\u2019s "
      "learning</th><th>gates open, original / target</th><th>extra weights</th><th>tokens per "
      "second</th></tr></thead><tbody>\n";
  const auto style = styles(lines);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const study::Line& l = lines[i];
    out += concat("<tr><td class=\"name\">", key_mark(style[i]), ' ', escape(l.label), "</td>",
                  cell(rate(l.lr) + (l.chosen_here ? "*"
                                     : l.at_edge   ? "^"
                                                   : "")),
                  cell(concat(l.runs.size())));
    for (const study::Mean* m : {&l.original_before, &l.original_after, &l.target_before, &l.target_after})
      out += cell(fixed(m->value, 3));
    out += cell(html_mean(l.forgetting)) + cell(html_mean(l.learning)) +
           cell(l.forgetting_at_baseline ? html_mean(*l.forgetting_at_baseline) : "\u2013");
    out += cell(l.gate_open
                    ? escape(percent(l.gate_open->original.value) + " % / " + percent(l.gate_open->target.value) + " %")
                    : "\u2013");
    out += cell(l.extra_weights.value > 0 ? concat(short_count(l.extra_weights.value), " <small>",
                                                   fixed(100 * l.extra_share.value, 1), " %</small>")
                                          : "\u2013");
    out += cell(short_count(l.tokens_per_second.value)) + "</tr>\n";
  }
  out +=
      "</tbody></table></div>\n<p class=\"note\">Bits per byte; means over seeds, \u00b1 the standard error. An order "
      "is claimed only if a difference exceeds twice its standard error. \u201cAt the baseline\u2019s "
      "learning\u201d is the forgetting on a method\u2019s curve over learning rates at the point where it learns as "
      "much as the baseline; a dash means that the curve does not reach this point. Gates open: the share of tokens "
      "with a gate that is not exactly zero.</p>\n";
  for (const std::string& note : notes(results, lines)) out += concat("<p class=\"note\">", escape(note), "</p>\n");
  return out;
}

/// One line per run without a result; empty if none failed.
inline std::string failure_list(const study::Results& results, const std::vector<study::Line>& lines) {
  std::string items;
  for (const std::string& failure : failures(results, lines)) items += concat("<li>", escape(failure), "</li>\n");
  return items.empty() ? items : concat("<p><strong>", failures_heading, ":</strong></p>\n<ul>\n", items, "</ul>\n");
}

/// One sentence per method that can be compared with a baseline; empty if there is none.
inline std::string comparison_list(const std::vector<study::Line>& lines, const std::string& baseline) {
  std::string items;
  for (const study::Line& line : lines)
    if (const std::string sentence = study::against_baseline(line); !sentence.empty())
      items += concat("<li><strong>", escape(line.label), "</strong> ", escape(sentence), "</li>\n");
  if (items.empty()) return items;
  return concat(
      "<h2>Against ", escape(baseline),
      "</h2>\n<p class=\"note\">Differences of runs of one seed, which saw the same "
      "data in the same order; means over seeds. No order is claimed if a difference is within twice its standard "
      "error.</p>\n<ul>\n",
      items, "</ul>\n");
}

inline std::string legend(const std::vector<study::Line>& lines) {
  const auto style = styles(lines);
  std::string out = "<ul class=\"legend\">";
  for (std::size_t i = 0; i < lines.size(); ++i)
    out += concat("<li>", key_mark(style[i]), ' ', escape(lines[i].label), "</li>");
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
                           "rates.</figcaption></figure>\n");
  if (const auto farthest = closer_view(lines))
    out += concat("<figure>", both(*farthest), "<figcaption>As above, without the runs that forget more than ",
                  fixed(*farthest, 3), " bits per byte.</figcaption></figure>\n");
  return out;
}

/// One panel for each line that has the values, all with the same axis; empty if none has them.
template <class Member>
std::string layer_figure(const std::vector<study::Line>& lines, Member member, double fixed_top, double scale) {
  const auto style = styles(lines);
  double top = fixed_top;
  for (const study::Line& line : lines)
    if (line.*member)
      for (const auto* values : {&(line.*member)->original, &(line.*member)->target})
        for (const double v : *values) top = std::max(top, 1.05 * scale * v);
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (lines[i].*member)
      out +=
          concat("<figure><figcaption>", escape(lines[i].label), "</figcaption>",
                 layer_picture(*(lines[i].*member), style[i], top, scale, lines[i].label + " by layer"), "</figure>\n");
  if (out.empty()) return out;
  const auto key = [](std::string_view curve, std::string_view mark) {
    return concat("<svg class=\"key\" viewBox=\"0 0 34 16\" width=\"34\" height=\"16\" aria-hidden=\"true\">",
                  svg::polyline(7, {{1, 8}, {33, 8}}, curve), svg::marker(0, 7, 17, 8, 4, mark), "</svg>");
  };
  return concat("<ul class=\"legend\"><li>", key("curve dashed", "open"), " original</li><li>", key("curve", "mark"),
                " target</li></ul>\n<div class=\"panels\">\n", out, "</div>\n");
}

inline std::string layer_figures(const std::vector<study::Line>& lines) {
  const std::string gates = layer_figure(lines, &study::Line::gate_open_by_layer, 104, 100),
                    ratios = layer_figure(lines, &study::Line::residue_ratio_by_layer, 1e-6, 1);
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

inline std::string all_runs(const std::vector<study::Line>& lines) {
  std::string out =
      "<h2>All runs</h2>\n<div class=\"scroll\"><table><thead><tr><th "
      "class=\"name\">method</th><th>rate</th><th>seed</th><th>original after</th><th>target after</th>"
      "<th>forgetting</th><th>learning</th><th>steps</th><th>training time</th></tr></thead><tbody>\n";
  for (const study::Line& line : lines)
    for (const study::RunResult& r : line.curve)
      out += concat("<tr><td class=\"name\">", escape(line.label), "</td>", cell(rate(r.lr)), cell(concat(r.seed)),
                    cell(fixed(r.original.after, 3)), cell(fixed(r.target.after, 3)), cell(fixed(r.forgetting(), 3)),
                    cell(fixed(r.learning(), 3)), cell(concat(r.steps)), cell(clock_time(r.train_seconds)), "</tr>\n");
  return out + "</tbody></table></div>\n";
}

inline std::string origin(const study::Results& results) {
  std::string out = "<h2>What was run</h2>\n<table class=\"facts\"><tbody>\n" + config_facts(results.config);
  for (const auto& [name, digits] : results.text_sha256) out += fact("sha256 of " + name, code(digits));
  const study::Machine& m = results.machine;
  out += fact("compiler", code(m.compiler)) + fact("compiler flags", code(m.flags)) + fact("xsimd", code(m.xsimd));
  return out + "</tbody></table>\n";
}

}  // namespace detail

/// The page as self-contained HTML in UTF-8; all untrusted text is escaped. Without rows the page says so.
/// Error: a number that is not finite.
inline std::string report(const study::Results& results) {
  const auto lines = study::summarise(results);
  std::string out = concat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n"
      "<title>Learning and forgetting</title>\n<style>",
      detail::report_style, "</style></head>\n<body>\n");
  out += detail::introduction(results, lines);
  if (lines.empty()) {
    out += "<p><strong>No runs yet:</strong> the results have no rows.</p>\n" + detail::failure_list(results, lines);
  } else {
    out += detail::summary_table(results, lines) + detail::failure_list(results, lines) +
           detail::comparison_list(lines, study::baseline_of(results)) + detail::learning_figure(lines) +
           detail::layer_figures(lines) + detail::all_runs(lines);
  }
  return out + detail::origin(results) + "</body></html>\n";
}

/// The learning/forgetting picture as a file of its own. Error: as report.
inline std::string learning_svg(const study::Results& results) {
  const std::string style = concat("<style>", detail::report_style, "svg { background: var(--page); }</style>");
  std::string picture =
      learning_picture(study::summarise(results), 900, 440, "alone", std::numeric_limits<double>::infinity(), style);
  return picture.insert(4, " xmlns=\"http://www.w3.org/2000/svg\"");
}

/// Writes report.html and learning.svg to a folder, each whole or not at all. Error: as report and io::write_file.
inline void write_report(const std::filesystem::path& folder, const study::Results& results) {
  io::write_file(folder / "report.html", report(results));
  io::write_file(folder / "learning.svg", learning_svg(results));
}

}}}  // namespace neutra::NEUTRA_ABI::report
