/// The sections of report.html that are text and tables.
#pragma once

#include "neutra/report/html.hpp"
#include "neutra/report/picture.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/results.hpp"
#include "neutra/study/summary.hpp"
#include "neutra/train/overlap.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report { namespace detail {

inline std::string html_mean(const study::Mean& m, int digits = 3) {
  return fixed(m.value, digits) +
         (m.error ? concat(" <small>\u00b1\u00a0", fixed(*m.error, digits), "</small>") : std::string());
}

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
    out += concat("<tr><td class=\"name\">", key_mark(style[i]), ' ', escape(l.label), l.on_front ? " +" : "", "</td>",
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

}}}}  // namespace neutra::NEUTRA_ABI::report::detail
