/// A device for tests that computes nothing. Its memory is address space that faults when touched; its loops and
/// matmuls are logged. An op that passes here never touches device memory from the host,
/// and the sizes of its calls agree.
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/backend/record/row.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// A recording Backend. Not thread-safe.
struct Recorder {
  static constexpr std::string_view name = "record";
  static constexpr bool counts_on_host = false;
  static constexpr Index loss_words = 1024;
  static Index loss_rows(Index /*words*/) { return 256; }

  /// One line per call, with sizes: "product (5,7) (7,9) adds", "rows 5".
  static inline std::vector<std::string> log;
  /// The largest number of rows that open_rows reports as open, since there are no gate values.
  static inline Index open = 1;
  /// What exact() of a packed weight returns.
  static inline bool exact = false;

  static std::map<std::string, std::string> matmul_units(DType) { return {}; }

  /// Reserves address space. Error: none left.
  static void* allocate(std::size_t bytes) {
    const std::size_t reserved = std::max<std::size_t>(bytes, 1);
    void* memory = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(memory != MAP_FAILED, "record: no address space is left for ", bytes, " bytes");
    blocks()[static_cast<const std::byte*>(memory)] = reserved;
    return memory;
  }
  static void release(void* memory, std::size_t /*bytes*/) noexcept {
    const auto block = blocks().find(static_cast<const std::byte*>(memory));
    if (block == blocks().end()) return;
    munmap(memory, block->second);
    blocks().erase(block);
  }

  static void copy(const void* from, void* to, std::size_t bytes) {
    check(static_cast<const std::byte*>(from), static_cast<Index>(bytes), "copy");
    check(static_cast<const std::byte*>(to), static_cast<Index>(bytes), "copy");
    note("copy ", bytes);
  }

  /// Always 1: there is nothing to read.
  template <class T> static T read(const T* from) {
    check(from, 1, "read");
    note("read");
    return T(1);
  }
  template <class T> static void upload(std::span<const T> from, T* to) {
    check(to, static_cast<Index>(from.size()), "upload");
    note("upload ", from.size());
  }
  template <class T> static void download(const T* from, std::span<T> to) {
    check(from, static_cast<Index>(to.size()), "download");
    note("download ", to.size());
    std::fill(to.begin(), to.end(), T(1));
  }

  template <Scalar S, class F> static void rows(Index count, Index cost, const F& f) {
    static_assert(std::is_trivially_copyable_v<F>,
                  "neutra: a functor goes to the device by its bytes; keep views, pointers and numbers in it");
    require(count >= 0 && cost >= 0, "record: rows of count ", count, " and cost ", cost);
    if (record::never()) f(record::Row<S>{}, Index{0});
    note("rows ", count);
  }
  template <Scalar S, class F> static void elements(Index count, Index cost, const F& f) {
    rows<S>(1, count * cost, f);
    log.back() = concat("elements ", count);
  }
  template <Scalar S, class F> static void rows_of_each(const std::vector<RowsOf<F>>& loops, Index cost) {
    for (const RowsOf<F>& loop : loops) rows<S>(loop.count, cost, loop.f);
  }
  template <Scalar S> static void add_rows(View<const S> x, const std::int32_t* index, Into<S> into) {
    require(x.cols() == into.view.cols(), "record: add_rows of ", x.shape, " into ", into.view.shape);
    check(x, "add_rows");
    check(index, x.rows(), "add_rows");
    check(into.view, "add_rows");
    note("add_rows ", x.rows(), " into ", into.view.rows(), adds(into));
  }
  template <Scalar S, class F> static void column_sums(Index count, Index cols, const F& f, Into<S> into) {
    static_assert(std::is_trivially_copyable_v<F>,
                  "neutra: a functor goes to the device by its bytes; keep views, pointers and numbers in it");
    require(into.view.size() == cols, "record: column_sums of ", cols, " columns into ", into.view.shape);
    check(into.view, "column_sums");
    if (record::never()) static_cast<void>(record::Value<S>(f(Index{0}, record::Lanes<S>{})));
    note("column_sums ", count, " x ", cols, adds(into));
  }
  template <Scalar S> static void sum(View<const S> x, std::type_identity_t<S>, Into<S> into) {
    require(into.view.size() == 1, "record: sum into ", into.view.shape);
    check(x, "sum");
    check(into.view, "sum");
    note("sum ", x.size(), adds(into));
  }
  template <Scalar S>
  static Index open_rows(View<const S> g, View<const S> slope, std::int32_t* index, std::int32_t* place) {
    const Index total = g.size();
    require(!slope.data || slope.size() == total, "record: open_rows of gates ", g.shape, " and slopes ", slope.shape);
    check(g, "open_rows");
    check(index, total, "open_rows");
    check(place, total, "open_rows");
    note("open_rows ", total, slope.data ? " slopes" : "");
    return std::min(open, total);
  }

  /// A packed weight, of sizes only.
  template <Scalar S> class Packed {
   public:
    explicit Packed(const Operand<S>& b)
        : rows_(b.rows()), cols_(b.cols()), shape_(b.view.shape), precision_(b.precision) {
      check(b.view, "pack");
      note("pack (", rows_, ",", cols_, ")");
    }
    Index rows() const { return rows_; }
    Index cols() const { return cols_; }
    DType precision() const { return precision_; }
    bool exact() const { return Recorder::exact; }
    void unpack(View<S> into, Index first = 0) const {
      require(into.cols() == shape_.cols() && first + into.rows() <= shape_.rows(), "record: unpack of rows ", first,
              " on of ", shape_, " into ", into.shape);
      check(into, "unpack");
      note("unpack ", into.shape);
    }

   private:
    Index rows_, cols_;
    Shape shape_;
    DType precision_;
  };
  template <Scalar S> static void product(Operand<S> a, Operand<S> b, Result<S> into, View<const S> addend = {}) {
    check(b.view, "product");
    checked_product(a, b.rows(), b.cols(), b.precision, into, addend, "product (");
  }
  template <Scalar S> static void product(Operand<S> a, const Packed<S>& b, Result<S> into, View<const S> addend = {}) {
    checked_product(a, b.rows(), b.cols(), b.precision(), into, addend, "packed product (");
  }
  template <Scalar S> static void product_transposed(Operand<S> a, const Packed<S>& b, Result<S> into) {
    checked_product(a, b.cols(), b.rows(), b.precision(), into, View<const S>{}, "packed product (");
  }

  /// A quantised weight, of sizes only.
  template <Scalar S> class Quantised {
   public:
    Quantised(View<const S> weight, Quantisation format) : shape_(weight.shape) {
      check(weight, "quantise");
      note("quantise ", format, " ", shape_);
    }
    const Shape& shape() const { return shape_; }
    void unpack(View<S> into, Index first = 0) const {
      require(into.cols() == shape_.cols() && first + into.rows() <= shape_.rows(), "record: unpack of rows ", first,
              " on of ", shape_, " into ", into.shape);
      check(into, "unpack");
      note("unpack ", into.shape);
    }

   private:
    Shape shape_;
  };
  template <Scalar S>
  static void product(Operand<S> a, const Quantised<S>& w, bool transposed, Result<S> into, View<const S> addend = {}) {
    const Shape& shape = w.shape();
    checked_product(a, transposed ? shape.cols() : shape.rows(), transposed ? shape.rows() : shape.cols(), a.precision,
                    into, addend, "quantised product (");
  }

  template <Scalar S>
  static void attention_forward(const AttentionSizes& z, Operand<S> q, Operand<S> k, Operand<S> v, Result<S> out,
                                S* lse) {
    check_attention(z, q, k, v, lse);
    check_shape(out.view, q.view.shape, "attention_forward");
    note("attention_forward ", z.sequences, " x ", z.length);
  }
  template <Scalar S>
  static void attention_backward(const AttentionSizes& z, Operand<S> q, Operand<S> k, Operand<S> v, Operand<S> dout,
                                 const S* lse, Result<S> dq, Result<S> dk, Result<S> dv) {
    check_attention(z, q, k, v, lse);
    check_shape(dout.view, q.view.shape, "attention_backward");
    if (dq) check_shape(dq.view, q.view.shape, "attention_backward");
    if (dk) check_shape(dk.view, k.view.shape, "attention_backward");
    if (dv) check_shape(dv.view, v.view.shape, "attention_backward");
    note("attention_backward ", z.sequences, " x ", z.length, dq ? " q" : "", dk ? " k" : "", dv ? " v" : "");
  }

 private:
  static std::map<const std::byte*, std::size_t>& blocks() {
    // Never destroyed: tensors of static storage duration are released after it.
    static auto* all = new std::map<const std::byte*, std::size_t>;
    return *all;
  }
  template <class... Parts> static void note(const Parts&... parts) { log.push_back(concat(parts...)); }
  template <class T> static const char* adds(const T& into) { return into.add ? " adds" : ""; }

  /// Error: memory that is not the device's, or that ends before the last element.
  template <class T> static void check(const T* first, Index count, std::string_view what) {
    if (count == 0) return;
    const auto* begin = reinterpret_cast<const std::byte*>(first);
    auto block = blocks().upper_bound(begin);
    const bool inside = block != blocks().begin() &&
                        begin + static_cast<std::size_t>(count) * sizeof(T) <= (--block)->first + block->second;
    require(inside, "record: ", what, " was given ", count, " elements that are not within one block of device memory");
  }
  template <class T> static void check(const View<T>& x, std::string_view what) {
    if (x.size() > 0) check(x.data, (x.rows() - 1) * x.stride + x.cols(), what);
  }
  template <class T> static void check_shape(const View<T>& x, const Shape& shape, std::string_view what) {
    require(x.shape == shape, "record: ", what, " needs ", shape, ", got ", x.shape);
    check(x, what);
  }
  template <Scalar S, class Memory> static void check(const AnyView<S, Memory>& x, std::string_view what) {
    x.visit([&](const auto& numbers) { check(numbers, what); });
  }
  template <Scalar S, class Memory>
  static void check_shape(const AnyView<S, Memory>& x, const Shape& shape, std::string_view what) {
    x.visit([&](const auto& numbers) { check_shape(numbers, shape, what); });
  }
  template <Scalar S>
  static void checked_product(const Operand<S>& a, Index b_rows, Index b_cols, DType b_precision, const Result<S>& into,
                              View<const S> addend, std::string_view what) {
    const auto& c = into.view;
    require(a.precision == b_precision && stores<S>(a.precision), "record: both operands must be rounded alike, got ",
            a.precision, " and ", b_precision);
    require(c.dtype == dtype_of<S> || c.dtype == a.precision,
            "record: a result must not be rounded further than the operands");
    require(a.cols() == b_rows && c.rows() == a.rows() && c.cols() == b_cols, "record: product of (", a.rows(), ",",
            a.cols(), ") and (", b_rows, ",", b_cols, ") into ", c.shape);
    require(!addend.data || (addend.rows() == c.rows() && addend.cols() == c.cols()), "record: product into ", c.shape,
            " with addend ", addend.shape);
    check(a.view, "product");
    check(c, "product");
    if (addend.data) check(addend, "product");
    note(what, a.rows(), ",", a.cols(), ") (", b_rows, ",", b_cols, ")", adds(into), addend.data ? " addend" : "",
         a.precision == dtype_of<S> ? "" : concat(" ", a.precision), c.dtype == dtype_of<S> ? "" : " rounded");
  }
  template <Scalar S>
  static void check_attention(const AttentionSizes& z, const Operand<S>& q, const Operand<S>& k, const Operand<S>& v,
                              const S* lse) {
    check_shape(q.view, Shape{z.sequences * z.length, z.heads * z.width}, "attention");
    check_shape(k.view, Shape{z.sequences * z.length, z.kv_heads * z.width}, "attention");
    check_shape(v.view, k.view.shape, "attention");
    require(k.precision == q.precision && v.precision == q.precision,
            "record: attention: q, k and v must be rounded alike, got ", q.precision, ", ", k.precision, " and ",
            v.precision);
    check(lse, z.sequences * z.heads * z.length, "attention");
  }
};

}}  // namespace neutra::NEUTRA_ABI
