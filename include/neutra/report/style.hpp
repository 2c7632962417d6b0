/// The style sheet of reports: light or dark by the reader's preference, light on paper.
#pragma once

#include "neutra/core/config.hpp"

#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace report { namespace detail {

/// The eight colours c0 .. c7 have a contrast of at least 4 to the page in both schemes.
/// Marker shapes make the same distinction.
inline constexpr std::string_view report_style = R"css(
:root { color-scheme: light dark; --page: #fcfcfa; --ink: #1b1b19; --soft: #5c5c57; --rule: #deded8; --k0: #1f68c9;
  --k1: #c2500d; --k2: #13814f;
  --k3: #b83577; --k4: #4326a0; --k5: #6e5300; --k6: #0b7c8c; --k7: #6d6d66; }
@media screen and (prefers-color-scheme: dark) { :root { --page: #181817; --ink: #efefe9; --soft: #a9a9a1;
  --rule: #383835; --k0: #5c9cf0;
  --k1: #ee8a4f; --k2: #4cc08a; --k3: #ee86b5; --k4: #cdc3ff; --k5: #e6c75a; --k6: #4fc3d1; --k7: #b4b4ab; } }
.c0 { --k: var(--k0); } .c1 { --k: var(--k1); } .c2 { --k: var(--k2); } .c3 { --k: var(--k3); }
.c4 { --k: var(--k4); } .c5 { --k: var(--k5); } .c6 { --k: var(--k6); } .c7 { --k: var(--k7); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
p { margin: .4rem 0; max-width: 46rem; } .note, figcaption { color: var(--soft); font-size: .875rem; }
code { font: .8125rem/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .8125rem; font-variant-numeric: tabular-nums; margin: .6rem 0; }
th, td { padding: .25rem .55rem .25rem 0; text-align: right; vertical-align: top; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; }
thead th { border-bottom: 1px solid var(--soft); }
tbody tr { border-bottom: 1px solid var(--rule); }
th.name, td.name { text-align: left; white-space: normal; min-width: 9.5rem; max-width: 16rem;
  overflow-wrap: anywhere; }
td.name { font-weight: 600; } td small { color: var(--soft); font-size: .9em; }
.facts th, .facts td { text-align: left; white-space: normal; vertical-align: top; overflow-wrap: anywhere; }
.facts th { min-width: 8rem; overflow-wrap: normal; }
figure { margin: .6rem 0 1.2rem; } svg { display: block; max-width: 100%; height: auto; }
svg svg { overflow: hidden; } .key { display: inline-block; vertical-align: -.15em; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; margin: .3rem 0;
  font-size: .875rem; } .legend li { overflow-wrap: anywhere; }
.panels { display: flex; flex-wrap: wrap; gap: 1rem 1.4rem; } .panels figure { margin: 0; max-width: 306px; }
.panels figcaption { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
svg text { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--soft);
  font-variant-numeric: tabular-nums; }
svg text.title { fill: var(--ink); }
svg text.label { fill: var(--ink); stroke: var(--page); stroke-width: 3px; paint-order: stroke;
  stroke-linejoin: round; }
.grid { stroke: var(--rule); } .zero, .axis { stroke: var(--soft); }
.mark { fill: var(--k); stroke: var(--page); stroke-width: 1.2px; }
.other { fill-opacity: .5; } .open { fill: var(--page); stroke: var(--k); stroke-width: 1.6px; }
.part { fill: none; stroke: var(--k); stroke-width: 1px; stroke-dasharray: 3 2; }
.path { fill: none; stroke: var(--k); stroke-width: 1.5px; stroke-opacity: .4; }
.front { fill: none; stroke: var(--ink); stroke-width: 1.3px; }
.steps { fill: none; stroke: var(--ink); stroke-opacity: .45; stroke-dasharray: 2 3; }
.curve { fill: none; stroke: var(--k); stroke-width: 2px; } .dashed { stroke-dasharray: 5 4; stroke-width: 1.5px; }
.narrow { display: none; } @media screen and (max-width: 46rem) { .narrow { display: block; } .wide { display: none; } }
@media print { :root { --page: #fff; } .wide { width: 80%; } .note, figcaption { font-size: 8.5pt; }
body { max-width: none; padding: 0; font-size: 10pt; } figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
.scroll { overflow: visible; }
  table { font-size: 7.5pt; } th, td { padding-right: .4rem; } th.name, td.name { min-width: 5rem; }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
)css";

}}}}  // namespace neutra::NEUTRA_ABI::report::detail
