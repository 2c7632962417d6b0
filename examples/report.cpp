// Draws results again, without running anything: the table, report.html and learning.svg from a results.json, or from
// several as one.
//   report docs/results/da/results.json --out .
#include "neutra/train/report.hpp"
#include "neutra/train/join.hpp"
#include "neutra/train/markdown.hpp"
#include "neutra/train/program.hpp"

using namespace neutra::train;

int main(int argc, char** argv) {
  return run_program("report", [&] {
    CLI::App app("The table, report.html and learning.svg of a results.json, or of several of one backbone as one.",
                 "report");
    std::vector<std::string> files;
    Path out;
    bool as_markdown = false;
    app.add_option("results", files, "a results.json; several are joined")->required();
    app.add_option("--out", out, "folder for report.html and learning.svg; else that of the results");
    app.add_flag("--markdown", as_markdown, "print the tables as Markdown, with every rate");
    parse_command_line(app, argc, argv);
    neutra::require(files.size() == 1 || !out.empty(), "--out is missing: name the folder for the report of ",
                    files.size(), " results");
    std::vector<Results> studies;
    for (const Path file : files) studies.push_back(read_results(file));
    const Results results = join(studies, files);
    if (!out.empty()) neutra::io::make_folder(out, "--out " + out.string());
    write_report(out.empty() ? Path(files.front()).parent_path() : out, results);
    std::printf("%s", (as_markdown ? markdown(results) : table(results)).c_str());
  });
}
