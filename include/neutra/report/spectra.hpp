/// The singular values of an adapter's matrices before and after training, as table, JSON and page.
#pragma once

#include "neutra/core/spectrum.hpp"
#include "neutra/io/json.hpp"
#include "neutra/report/html.hpp"
#include "neutra/report/panel.hpp"
#include "neutra/report/table.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

/// One matrix. layer: -1 if it belongs to none
struct MatrixSpectra {
  std::string name;
  Index layer = -1, rows = 0, cols = 0;
  Spectrum before, after;
};

/// The matrices of one adapter. label: its file; start: how its values before training are known
struct AdapterSpectra {
  std::string label{}, start{};
  std::vector<MatrixSpectra> matrices{};
};

namespace detail {

inline std::string leading(const Spectrum& spectrum, std::size_t k) {
  return k < spectrum.values.size() ? fixed(spectrum.values[k], 3) : "-";
}
inline std::string layer_text(const MatrixSpectra& matrix) { return matrix.layer < 0 ? "-" : concat(matrix.layer); }

/// The cells of a matrix: layer, name, shape, then for before and after the leading values and the stable rank.
inline std::vector<std::string> spectrum_cells(const MatrixSpectra& matrix, std::size_t leading_values) {
  std::vector<std::string> cells{layer_text(matrix), io::printable(matrix.name),
                                 concat(matrix.rows, " x ", matrix.cols)};
  for (const Spectrum* spectrum : {&matrix.before, &matrix.after}) {
    for (std::size_t k = 0; k < leading_values; ++k) cells.push_back(leading(*spectrum, k));
    cells.push_back(fixed(spectrum->stable_rank(), 2));
  }
  return cells;
}
inline std::vector<std::string> spectrum_heading(std::size_t leading_values) {
  std::vector<std::string> cells{"layer", "matrix", "shape"};
  for (int side = 0; side < 2; ++side) {
    for (std::size_t k = 0; k < leading_values; ++k) cells.push_back(concat("s", k + 1));
    cells.push_back("stable");
  }
  return cells;
}

/// The names of matrices in the order in which they first occur.
inline std::vector<std::string> matrix_names(const AdapterSpectra& adapter) {
  std::vector<std::string> names;
  for (const MatrixSpectra& matrix : adapter.matrices)
    if (std::find(names.begin(), names.end(), matrix.name) == names.end()) names.push_back(matrix.name);
  return names;
}

/// Pictures of all matrices of one name: stable ranks by layer, and the singular values of each layer. Empty for
/// vectors, which have one singular value.
inline std::string spectrum_figures(const AdapterSpectra& adapter, const std::string& name, std::size_t style) {
  std::vector<const MatrixSpectra*> all;
  Panel values{.first_name = "before", .second_name = "after", .axis = "index", .top = 1e-9};
  Panel ranks{.first_name = "before", .second_name = "after", .axis = "layer", .top = 1e-9};
  for (const MatrixSpectra& matrix : adapter.matrices) {
    if (matrix.name != name || matrix.after.values.size() < 2) continue;
    all.push_back(&matrix);
    for (const Spectrum* spectrum : {&matrix.before, &matrix.after}) {
      values.top = std::max(values.top, 1.05 * spectrum->values[0]);
      ranks.top = std::max(ranks.top, 1.05 * spectrum->stable_rank());
    }
    ranks.first.push_back(matrix.before.stable_rank());
    ranks.second.push_back(matrix.after.stable_rank());
  }
  if (all.empty()) return "";
  std::string out = all.size() > 1 ? panel_figure(ranks, style, concat(name, ", stable rank")) : "";
  for (const MatrixSpectra* matrix : all) {
    values.first = matrix->before.values;
    values.second = matrix->after.values;
    out += panel_figure(values, style, concat(name, ", singular values, layer ", layer_text(*matrix)));
  }
  return concat("<h3>", escape(name), "</h3>\n", panels("before training", "after", out));
}

inline std::string html_spectra(const AdapterSpectra& adapter, std::size_t leading_values) {
  std::string out =
      concat("<h2>", escape(adapter.label), "</h2>\n<p class=\"note\">Before training: ", escape(adapter.start),
             ".</p>\n<div class=\"scroll\"><table><thead><tr><th></th><th></th>", "<th></th>");
  for (const std::string_view side : {"before", "after"})
    out += concat("<th colspan=\"", leading_values + 1, "\">", side, "</th>");
  out += "</tr><tr>";
  for (const std::string& text : spectrum_heading(leading_values)) out += concat("<th>", text, "</th>");
  out += "</tr></thead><tbody>\n";
  for (const MatrixSpectra& matrix : adapter.matrices) {
    out += "<tr>";
    for (const std::string& text : spectrum_cells(matrix, leading_values)) out += cell(escape(text));
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  const std::vector<std::string> names = matrix_names(adapter);
  for (std::size_t i = 0; i < names.size(); ++i) out += spectrum_figures(adapter, names[i], i);
  return out;
}

}  // namespace detail

/// A line for each matrix: its leading singular values and stable rank, before training and after.
inline std::string spectra_table(const AdapterSpectra& adapter, std::size_t leading_values = 3) {
  std::vector<std::vector<std::string>> rows{detail::spectrum_heading(leading_values)};
  for (const MatrixSpectra& matrix : adapter.matrices) rows.push_back(detail::spectrum_cells(matrix, leading_values));
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], detail::text_width(row[c]));
  const std::size_t side = leading_values + 1;       // columns
  std::size_t before = 2 + 3, after = side - 1 + 3;  // where the sides begin: behind the gaps, and the columns
  for (std::size_t c = 0; c < 3 + side; ++c) (c < 3 ? before : after) += widths[c];
  std::string text = concat(io::printable_whole(adapter.label), "\nbefore training: ", adapter.start, "\n",
                            std::string(before, ' '), detail::pad_right("before", after), "after\n");
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c)
      line += (c == 0                    ? ""
               : c == 3 || c == 3 + side ? "   "
                                         : " ") +
              (c == 1 ? detail::pad_right(row[c], widths[c]) : detail::pad_left(row[c], widths[c]));
    text += line + "\n";
  }
  return text;
}

/// All singular values, and the stable ranks.
inline io::Json to_json(const AdapterSpectra& adapter) {
  io::Json matrices = io::Json::array();
  const auto one = [](const Spectrum& spectrum) {
    return io::Json{{"singular_values", spectrum.values}, {"stable_rank", spectrum.stable_rank()}};
  };
  for (const MatrixSpectra& matrix : adapter.matrices)
    matrices.push_back({{"name", matrix.name},
                        {"layer", matrix.layer < 0 ? io::Json() : io::Json(matrix.layer)},
                        {"rows", matrix.rows},
                        {"cols", matrix.cols},
                        {"before", one(matrix.before)},
                        {"after", one(matrix.after)}});
  return {{"adapter", io::utf8_text(adapter.label)}, {"start", adapter.start}, {"matrices", std::move(matrices)}};
}

/// What the numbers of spectra_table and spectra_page are.
inline constexpr std::string_view spectra_note =
    "s1, s2 and so on: the largest singular values. Stable: the stable rank, the sum of all squared singular values "
    "divided by the largest squared; 0 for a matrix of zeros.";

/// A self-contained page with the tables and, for each matrix, pictures by layer. command: the command line
inline std::string spectra_page(const std::vector<AdapterSpectra>& adapters, std::string_view command,
                                std::size_t leading_values = 3) {
  std::string body =
      concat("<h1>Singular values of adapters</h1>\n<p>", spectra_note, "</p>\n<table class=\"facts\"><tbody>\n",
             detail::fact("command", detail::code(command)), "</tbody></table>\n");
  for (const AdapterSpectra& adapter : adapters) body += detail::html_spectra(adapter, leading_values);
  return detail::html_page("Singular values of adapters", "h3 { font-size: 1rem; margin: 1.2rem 0 .2rem; }", body);
}

}}}  // namespace neutra::NEUTRA_ABI::report
