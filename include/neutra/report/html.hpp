/// Parts of HTML that all pages share. Untrusted text is escaped.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/report/style.hpp"
#include "neutra/report/svg.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace report { namespace detail {

inline std::string cell(std::string_view text) { return concat("<td>", text, "</td>"); }

inline std::string key_mark(std::size_t style) {
  return "<svg class=\"key\" viewBox=\"0 0 16 16\" width=\"16\" height=\"16\" aria-hidden=\"true\">" +
         svg::marker(style, style, 8, 8, 5.5, "mark") + "</svg>";
}

inline std::string fact(std::string_view name, std::string_view html) {
  return concat("<tr><th>", escape(name), "</th><td>", html, "</td></tr>\n");
}
inline std::string code(std::string_view text) { return concat("<code>", escape(text), "</code>"); }

inline std::string counted(std::size_t n, std::string_view one) { return concat(n, ' ', one, n == 1 ? "" : "s"); }

/// A whole self-contained page in UTF-8. style: rules besides those of all pages; body: HTML
inline std::string html_page(std::string_view title, std::string_view style, std::string_view body) {
  return concat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>",
      escape(title), "</title>\n<style>", report_style, style, "</style></head>\n<body>\n", body, "</body></html>\n");
}

}}}}  // namespace neutra::NEUTRA_ABI::report::detail
