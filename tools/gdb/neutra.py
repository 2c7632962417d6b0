"""Pretty printers for gdb: Shape, View, Tensor and Var of neutra.

    (gdb) source tools/gdb/neutra.py
    (gdb) print x
    $1 = Tensor(2,3) [[0, 1, 2], [10, 11, 12]]

Of a matrix at most 8 rows of 8 numbers are read; of a tensor of more axes, the rows of all leading axes. Memory that cannot be read, such as a
device's, is said to be so. To load them always: put the source line, with the whole path, into ~/.gdbinit.
"""
import re
import struct

import gdb

MOST = 8  # rows, and numbers of a row


def sizes_of(shape):
    """A Shape as a list of numbers."""
    return [int(shape["sizes_"]["_M_elems"][axis]) for axis in range(int(shape["rank_"]))]


def text_of(sizes):
    return "(" + ",".join(map(str, sizes)) + ")"


def number(value):
    """One element; bf16 is the upper half of a float."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_STRUCT and kind.sizeof == 2:
        bits = int(value[kind.fields()[0].name])
        return "%g" % struct.unpack("<f", struct.pack("<I", bits << 16))[0]
    return "%g" % float(value) if kind.code == gdb.TYPE_CODE_FLT else str(int(value))


def row_text(pointer, count):
    shown = [number((pointer + column).dereference()) for column in range(min(count, MOST))]
    return "[" + ", ".join(shown + ["..."] * (count > MOST)) + "]"


def numbers_text(pointer, sizes, stride):
    """The numbers that a View sees; those of more than two axes as (all leading axes, the last)."""
    if int(pointer) == 0:
        return "null"
    columns, rows = sizes[-1] if sizes else 1, 1
    for size in sizes[:-1]:
        rows *= size
    try:
        if not sizes:
            return number(pointer.dereference())
        if len(sizes) == 1:
            return row_text(pointer, columns)
        lines = [row_text(pointer + row * stride, columns) for row in range(min(rows, MOST))]
        return "[" + ", ".join(lines + ["..."] * (rows > MOST)) + "]"
    except gdb.MemoryError:
        return "memory that cannot be read"


class ShapePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return text_of(sizes_of(self.value))


class ViewPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        sizes, stride = sizes_of(self.value["shape"]), int(self.value["stride"])
        apart = " stride %d" % stride if sizes and stride != sizes[-1] else ""
        return "View%s%s %s" % (text_of(sizes), apart, numbers_text(self.value["data"], sizes, stride))


class TensorPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        sizes = sizes_of(self.value["shape_"])
        data = first_pointer(self.value["data_"])
        return "Tensor%s %s" % (text_of(sizes), "empty" if int(data) == 0 else numbers_text(data, sizes, sizes[-1] if sizes else 1))


def first_pointer(value):
    """What a std::unique_ptr holds, however its library nests it: the one member that is a pointer."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        return value
    if kind.code != gdb.TYPE_CODE_STRUCT:
        return None
    for field in kind.fields():
        found = first_pointer(value[field])
        if found is not None:
            return found
    return None


class VarPrinter:
    """A handle: the value's place on its tape, its shape, whether it is of this step, and its numbers where they are kept."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        tape, index, step = self.value["tape_"], int(self.value["index_"]), int(self.value["step_"])
        if int(tape) == 0:
            return "Var never given a value"
        tape = tape.dereference()
        name = "Var %d of step %d" % (index, step)
        if int(tape["step_"]) != step:
            return name + ", which is over (its tape is at step %d)" % int(tape["step_"])
        node = (tape["values_"]["values_"]["_M_impl"]["_M_start"] + index).dereference()
        sizes, memory = sizes_of(node["shape"]), node["value"]
        if int(memory) == 0:
            kept = "a frozen weight" if int(node["frozen"]) else "not kept; it is made again when it is read"
        else:
            number_type = gdb.lookup_type(self.number_type(str(node["dtype"])))
            kept = numbers_text(memory.cast(number_type.pointer()), sizes, sizes[-1] if sizes else 1)
        return "%s %s %s" % (name, text_of(sizes), kept)

    def number_type(self, dtype):
        """The C++ type that a DType names."""
        name = dtype.split("::")[-1]
        space = str(self.value.type.strip_typedefs()).split("Var<")[0].replace("const ", "")
        return {"f32": "float", "f64": "double"}.get(name, space + name)


# The inline namespace names the instruction set.
PRINTERS = [(re.compile(r"^neutra::(\w+::)?%s$" % name), printer) for name, printer in
            ((r"Shape", ShapePrinter), (r"View<.*>", ViewPrinter), (r"Tensor<.*>", TensorPrinter), (r"Var<.*>", VarPrinter))]


def find_printer(value):
    kind = value.type.strip_typedefs().unqualified()
    for name, printer in PRINTERS:
        if name.match(str(kind)):
            return printer(value)
    return None


find_printer.name = "neutra"
gdb.pretty_printers[:] = [each for each in gdb.pretty_printers if getattr(each, "name", "") != "neutra"] + [find_printer]
