"""A small emitter of LLVM text, and kernels around a function of the math library."""

import ctypes

import numpy as np

from jitflow.core.dtypes import BOOL, F32, I64


class Value:
    __slots__ = ("name", "dtype")

    def __init__(self, name, dtype):
        self.name, self.dtype = name, dtype


def llvm_type(dtype):
    return {"f32": "float", "f64": "double", "bool": "i1"}.get(dtype.name, f"i{dtype.bits}")


class TextEmitter:
    fastmath = False
    branches = True

    def __init__(self, lanes, prefix="v"):
        self.n, self.lines, self.count, self.declared = lanes, [], 0, set()
        self.prefix = prefix
        self.flags = set()

    def t(self, dtype):
        return f"<{self.n} x {llvm_type(dtype)}>"

    def put(self, text, dtype):
        self.count += 1
        name = f"%{self.prefix}{self.count}"
        self.lines.append(f"  {name} = {text}")
        return Value(name, dtype)

    def call(self, name, dtype, *xs):
        args = ", ".join(f"{self.t(x.dtype)} {x.name}" for x in xs)
        sig = f"{self.t(dtype)} @{name}.v{self.n}{dtype.name}"
        self.declared.add(f"declare {sig}({', '.join(self.t(x.dtype) for x in xs)})")
        return self.put(f"call {sig}({args})", dtype)

    def dtype(self, x):
        return x.dtype

    def constant(self, value, dtype):
        if dtype.is_float:
            bits = np.array(dtype.numpy.type(value)).astype("f8").view("u8")[()]
            text = f"0x{int(bits):016X}"
        else:
            text = str(int(value)) if dtype is not BOOL else str(bool(value)).lower()
        return Value(f"splat ({llvm_type(dtype)} {text})", dtype)

    def cast(self, x, dtype):
        s = x.dtype
        if s.is_float and dtype.is_float:
            op = "fpext" if dtype.bits > s.bits else "fptrunc"
        elif s.is_float:
            op = "fptosi"
        elif dtype.is_float:
            op = "sitofp"
        elif s is BOOL:
            op = "zext"
        else:
            op = "sext" if dtype.bits > s.bits else "trunc"
        if s.bits == dtype.bits and s is not BOOL and not (s.is_float ^ dtype.is_float):
            return x
        return self.put(f"{op} {self.t(s)} {x.name} to {self.t(dtype)}", dtype)

    def bitcast(self, x, dtype):
        if x.dtype is dtype or (x.dtype.is_integer and dtype.is_integer):
            return Value(x.name, dtype)
        return self.put(f"bitcast {self.t(x.dtype)} {x.name} to {self.t(dtype)}", dtype)

    def _bin(self, op, x, y, dtype=None):
        assert x.dtype is y.dtype, (op, x.dtype, y.dtype)
        return self.put(f"{op} {self.t(x.dtype)} {x.name}, {y.name}", dtype or x.dtype)

    def _arith(self, f, i):
        return lambda x, y: self._bin(f if x.dtype.is_float else i, x, y)

    def add(self, x, y): return self._bin("fadd" if x.dtype.is_float else "add", x, y)
    def subtract(self, x, y): return self._bin("fsub" if x.dtype.is_float else "sub", x, y)
    def multiply(self, x, y): return self._bin("fmul" if x.dtype.is_float else "mul", x, y)
    def divide(self, x, y): return self._bin("fdiv", x, y)

    def fma(self, x, y, z):
        assert x.dtype is y.dtype is z.dtype
        return self.call("llvm.fma", x.dtype, x, y, z)

    def negative(self, x):
        if x.dtype.is_float:
            return self.put(f"fneg {self.t(x.dtype)} {x.name}", x.dtype)
        return self.subtract(self.constant(0, x.dtype), x)

    def absolute(self, x): return self.call("llvm.fabs", x.dtype, x)
    def sqrt(self, x): return self.call("llvm.sqrt", x.dtype, x)
    def floor(self, x): return self.call("llvm.floor", x.dtype, x)
    def trunc(self, x): return self.call("llvm.trunc", x.dtype, x)
    def rint(self, x): return self.call("llvm.rint", x.dtype, x)
    def copysign(self, x, y): return self.call("llvm.copysign", x.dtype, x, y)

    def equal(self, x, y):
        return self._bin("fcmp oeq" if x.dtype.is_float else "icmp eq", x, y, BOOL)

    def not_equal(self, x, y):
        return self._bin("fcmp une" if x.dtype.is_float else "icmp ne", x, y, BOOL)

    def less(self, x, y):
        return self._bin("fcmp olt" if x.dtype.is_float else "icmp ult" if x.dtype.kind=="u" else "icmp slt", x, y, BOOL)

    def less_equal(self, x, y):
        return self._bin("fcmp ole" if x.dtype.is_float else "icmp ule" if x.dtype.kind=="u" else "icmp sle", x, y, BOOL)

    def bit_and(self, x, y): return self._bin("and", x, y)
    def bit_or(self, x, y): return self._bin("or", x, y)
    def bit_xor(self, x, y): return self._bin("xor", x, y)
    def bit_not(self, x): return self._bin("xor", x, self.constant(-1 if x.dtype is not BOOL else True, x.dtype))
    def shift_left(self, x, y): return self._bin("shl", x, y)
    def shift_right(self, x, y): return self._bin("ashr" if x.dtype.kind == "i" else "lshr", x, y)

    def select(self, c, x, y):
        assert x.dtype is y.dtype and c.dtype is BOOL
        t = self.t(x.dtype)
        return self.put(f"select {self.t(BOOL)} {c.name}, {t} {x.name}, {t} {y.name}", x.dtype)

    def flag(self, name, c):
        self.flags.add(name)
        n = self.count = self.count + 1
        self.lines.append(f"  %m{n} = bitcast <{self.n} x i1> {c.name} to i{self.n}")
        self.lines.append(f"  %z{n} = zext i{self.n} %m{n} to i64")
        self.lines.append(f"  %o{n} = load i64, ptr %flag.{name}")
        self.lines.append(f"  %r{n} = or i64 %o{n}, %z{n}")
        self.lines.append(f"  store i64 %r{n}, ptr %flag.{name}")

    def rare(self, c, value, slow):
        if not self.branches:
            return self.select(c, slow(), value)
        n = self.count = self.count + 1
        put = self.lines.append
        put(f"  br label %pre{n}")
        put(f"pre{n}:")
        put(f"  %sm{n} = bitcast <{self.n} x i1> {c.name} to i{self.n}")
        put(f"  %any{n} = icmp ne i{self.n} %sm{n}, 0")
        put(f"  br i1 %any{n}, label %slow{n}, label %join{n}, !prof !0")
        put(f"slow{n}:")
        w = self.select(c, slow(), value)
        put(f"  br label %slowend{n}")
        put(f"slowend{n}:")
        put(f"  br label %join{n}")
        put(f"join{n}:")
        return self.put(f"phi {self.t(value.dtype)} [ {value.name}, %pre{n} ], [ {w.name}, %slowend{n} ]", value.dtype)

    def scalar_call(self, name, c, otherwise, *xs):
        """A branch around an unrolled sequence of calls of the C function."""
        n = self.count = self.count + 1
        dt = otherwise.dtype
        f = name + ("f" if dt is F32 else "")
        ty = llvm_type(dt)
        self.declared.add(f"declare {ty} @{f}({', '.join([ty] * len(xs))})")
        put = self.lines.append
        put(f"  br label %pre{n}")
        put(f"pre{n}:")
        put(f"  %sm{n} = bitcast <{self.n} x i1> {c.name} to i{self.n}")
        put(f"  %any{n} = icmp ne i{self.n} %sm{n}, 0")
        put(f"  br i1 %any{n}, label %slow{n}, label %join{n}, !prof !0")
        put(f"slow{n}:")
        acc = otherwise.name
        last = f"slow{n}"
        for lane in range(self.n):
            q = f"{n}.{lane}"
            put(f"  %c{q} = extractelement <{self.n} x i1> {c.name}, i32 {lane}")
            put(f"  br i1 %c{q}, label %do{q}, label %skip{q}")
            put(f"do{q}:")
            for k, x in enumerate(xs):
                put(f"  %a{q}.{k} = extractelement {self.t(dt)} {x.name}, i32 {lane}")
            args = ", ".join(f"{ty} %a{q}.{k}" for k in range(len(xs)))
            put(f"  %y{q} = call {ty} @{f}({args})")
            put(f"  %i{q} = insertelement {self.t(dt)} {acc}, {ty} %y{q}, i32 {lane}")
            put(f"  br label %skip{q}")
            put(f"skip{q}:")
            put(f"  %p{q} = phi {self.t(dt)} [ {acc}, %{last} ], [ %i{q}, %do{q} ]")
            acc, last = f"%p{q}", f"skip{q}"
        put(f"  br label %join{n}")
        put(f"join{n}:")
        return self.put(f"phi {self.t(dt)} [ {otherwise.name}, %pre{n} ], [ {acc}, %{last} ]", dt)


def kernel_text(build, dtypes, lanes, unroll=1):
    e = TextEmitter(lanes)
    bodies = []
    for u in range(unroll):
        xs = []
        off = e.put(f"add i64 %i, {u * lanes}", I64) if u else Value("%i", I64)
        for k, dt in enumerate(dtypes):
            ty = llvm_type(dt)
            p = e.put(f"getelementptr {ty}, ptr %in{k}, i64 {off.name}", dt)
            xs.append(e.put(f"load {e.t(dt)}, ptr {p.name}, align 4", dt))
        y = build(e, *xs)
        ty = llvm_type(y.dtype)
        p = e.put(f"getelementptr {ty}, ptr %out, i64 {off.name}", y.dtype)
        e.lines.append(f"  store {e.t(y.dtype)} {y.name}, ptr {p.name}, align 4")
    flagcode, entry = [], []
    for i, name in enumerate(("invalid", "divide", "overflow")):
        entry.append(f"  %flag.{name} = alloca i64\n  store i64 0, ptr %flag.{name}")
        bit = {"invalid": 1, "divide": 4, "overflow": 8}[name]
        flagcode.append(f"  %fv{i} = load i64, ptr %flag.{name}\n  %fb{i} = icmp ne i64 %fv{i}, 0\n"
                        f"  %fi{i} = select i1 %fb{i}, i32 {bit}, i32 0")
    ins = "".join(f", ptr %in{k}" for k in range(len(dtypes)))
    return "\n".join([
        *sorted(e.declared),
        "declare void @llvm.x86.sse.stmxcsr(ptr)", "declare void @llvm.x86.sse.ldmxcsr(ptr)",
        f"define i32 @kernel(i64 %n, ptr %out{ins}) #0 {{", "entry:",
        "  %csr = alloca i32", "  store i32 8064, ptr %csr",
        "  call void @llvm.x86.sse.ldmxcsr(ptr %csr)", *entry, "  br label %loop",
        "loop:", "  %i = phi i64 [ 0, %entry ], [ %next, %latch ]", *e.lines,
        "  br label %latch", "latch:",
        f"  %next = add i64 %i, {lanes * unroll}", "  %more = icmp slt i64 %next, %n",
        "  br i1 %more, label %loop, label %exit", "exit:",
        "  call void @llvm.x86.sse.stmxcsr(ptr %csr)", "  %flags = load i32, ptr %csr",
        *flagcode, "  %f1 = or i32 %flags, %fi0", "  %f2 = or i32 %f1, %fi1",
        "  %f3 = or i32 %f2, %fi2", "  ret i32 %f3", "}",
        'attributes #0 = { "prefer-vector-width"="512" nounwind }',
        '!0 = !{!"branch_weights", i32 1, i32 1000000}', ""])


_KEEP = []
_TM = None


def target_machine(opt=2):
    global _TM
    import llvmlite.binding as llvm
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(),
        opt=opt, jit=True)


def compile_text(text, opt=2):
    import llvmlite.binding as llvm
    tm = target_machine(opt)
    module = llvm.parse_assembly(text)
    module.verify()
    engine = llvm.create_mcjit_compiler(module, tm)
    engine.finalize_object()
    _KEEP.append((engine, module))
    return engine.get_function_address("kernel")


class Kernel:
    """``kernel(*arrays) -> (result, set of flags)``; arrays are padded by their first value."""

    def __init__(self, build, dtypes, lanes=None, unroll=1, opt=2):
        self.lanes = lanes or (64 // max(d.itemsize for d in dtypes))
        self.step = self.lanes * unroll
        self.text = kernel_text(build, dtypes, self.lanes, unroll)
        address = compile_text(self.text, opt)
        self.result = self._result_dtype(build, dtypes)
        self.call = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_void_p] * len(dtypes))(address)

    def _result_dtype(self, build, dtypes):
        e = TextEmitter(self.lanes)
        return build(e, *[Value("undef", d) for d in dtypes]).dtype

    def __call__(self, *arrays, with_flags=False):
        n = arrays[0].size
        padded = -(-n // self.step) * self.step
        full = []
        for a in arrays:
            b = np.empty(padded, a.dtype)
            b[:n], b[n:] = a, a[:1]
            full.append(b)
        out = np.empty(padded, self.result.numpy)
        bits = self.call(padded, out.ctypes.data, *[b.ctypes.data for b in full])
        flags = {name for name, bit in (("invalid", 1), ("divide", 4), ("overflow", 8)) if bits & bit}
        return (out[:n], flags) if with_flags else out[:n]
