// Draws results again, without running anything: the table, report.html and learning.svg from a results.json.
//   report docs/results/da/results.json --out .
#include "neutra/train/report.hpp"
#include "neutra/train/program.hpp"

using namespace neutra::train;

int main(int argc, char** argv) {
  return run_program("report", [&] {
    CLI::App app("The table, report.html and learning.svg of a results.json.", "report");
    Path file, out;
    app.add_option("results", file, "a results.json")->required();
    app.add_option("--out", out, "folder for report.html and learning.svg; else that of the results");
    parse_command_line(app, argc, argv);
    const Results results = read_results(file);
    write_report(out.empty() ? file.parent_path() : out, results);
    std::printf("%s", table(results).c_str());
  });
}
