; Helpers of native entries. A name after a dollar sign is a constant of `object_layout`.

@PyTuple_Type = external global i8
@PyList_Type = external global i8
@PyDict_Type = external global i8
@PyLong_Type = external global i8
@PyFloat_Type = external global i8
@jf.arena = external global i64

declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare void @PyErr_Clear()
declare ptr @PyErr_NoMemory()
declare ptr @PyFunction_GetDefaults(ptr)
declare ptr @PyFunction_GetKwDefaults(ptr)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyMem_RawMalloc(i64)
declare void @PyMem_RawFree(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)

define internal ptr @word(ptr %base, i64 %index) alwaysinline {
  %p = getelementptr i64, ptr %base, i64 %index
  ret ptr %p
}

; A dtype of type number %wanted, in native byte order and without metadata.
define i1 @jf.same_dtype(ptr %dtype, i32 %wanted) {
  %number.p = getelementptr i8, ptr %dtype, i64 $DTYPE_NUMBER
  %number = load i32, ptr %number.p
  %is.number = icmp eq i32 %number, %wanted
  %order.p = getelementptr i8, ptr %dtype, i64 $DTYPE_BYTE_ORDER
  %order = load i8, ptr %order.p
  %is.native = icmp eq i8 %order, 61
  %is.byte = icmp eq i8 %order, 124
  %is.order = or i1 %is.native, %is.byte
  %fits = and i1 %is.number, %is.order
  br i1 %fits, label %more, label %no
more:
  %metadata.p = getelementptr i8, ptr %dtype, i64 $DTYPE_METADATA
  %metadata = load ptr, ptr %metadata.p
  %is.plain = icmp eq ptr %metadata, null
  ret i1 %is.plain
no:
  ret i1 false
}

; The value of an exact int that fits in 64 bits.
define i1 @jf.to_integer(ptr %object, ptr %out) {
  %overflow.p = alloca i32
  %type.p = getelementptr i8, ptr %object, i64 $OBJECT_TYPE
  %type = load ptr, ptr %type.p
  %is.int = icmp eq ptr %type, @PyLong_Type
  br i1 %is.int, label %convert, label %no
convert:
  %value = call i64 @PyLong_AsLongLongAndOverflow(ptr %object, ptr %overflow.p)
  store i64 %value, ptr %out
  %overflow = load i32, ptr %overflow.p
  %fits = icmp eq i32 %overflow, 0
  ret i1 %fits
no:
  ret i1 false
}

; Copy the items of a list of %count exact floats; false where it is no such list.
define i1 @jf.floats_of_list(ptr %list, i64 %count, ptr %out) {
entry:
  %size.p = getelementptr i8, ptr %list, i64 $SIZE
  %size = load i64, ptr %size.p
  %is.whole = icmp eq i64 %size, %count
  %items.p = getelementptr i8, ptr %list, i64 $LIST_ITEMS
  %items = load ptr, ptr %items.p
  br i1 %is.whole, label %head, label %no
head:
  %i = phi i64 [ 0, %entry ], [ %next, %copy ]
  %is.left = icmp slt i64 %i, %count
  br i1 %is.left, label %look, label %yes
look:
  %item.p = getelementptr ptr, ptr %items, i64 %i
  %item = load ptr, ptr %item.p
  %type.p = getelementptr i8, ptr %item, i64 $OBJECT_TYPE
  %type = load ptr, ptr %type.p
  %is.float = icmp eq ptr %type, @PyFloat_Type
  br i1 %is.float, label %copy, label %no
copy:
  %number.p = getelementptr i8, ptr %item, i64 $NUMBER
  %number = load double, ptr %number.p
  %target = getelementptr double, ptr %out, i64 %i
  store double %number, ptr %target
  %next = add i64 %i, 1
  br label %head
yes:
  ret i1 true
no:
  ret i1 false
}

; Copy the items of a list of %count exact ints that fit in 64 bits; false where it is no such list.
define i1 @jf.integers_of_list(ptr %list, i64 %count, ptr %out) {
entry:
  %size.p = getelementptr i8, ptr %list, i64 $SIZE
  %size = load i64, ptr %size.p
  %is.whole = icmp eq i64 %size, %count
  %items.p = getelementptr i8, ptr %list, i64 $LIST_ITEMS
  %items = load ptr, ptr %items.p
  br i1 %is.whole, label %head, label %no
head:
  %i = phi i64 [ 0, %entry ], [ %next, %copy ]
  %is.left = icmp slt i64 %i, %count
  br i1 %is.left, label %copy, label %yes
copy:
  %item.p = getelementptr ptr, ptr %items, i64 %i
  %item = load ptr, ptr %item.p
  %target = getelementptr i64, ptr %out, i64 %i
  %fits = call i1 @jf.to_integer(ptr %item, ptr %target)
  %next = add i64 %i, 1
  br i1 %fits, label %head, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

; Bind arguments to %slots by position, keyword and default; false where Python must do it.
define i1 @jf.bind(ptr %args, i64 %nargsf, ptr %names, ptr %table, ptr %slots) {
entry:
  %given = and i64 %nargsf, 9223372036854775807
  %count = load i64, ptr %table
  %first.p = call ptr @word(ptr %table, i64 1)
  %first = load i64, ptr %first.p
  %most.p = call ptr @word(ptr %table, i64 2)
  %most = load i64, ptr %most.p
  %few = icmp ule i64 %given, %most
  br i1 %few, label %copy, label %no

copy:
  %i = phi i64 [ 0, %entry ], [ %i.next, %copied ]
  %copy.more = icmp ult i64 %i, %count
  br i1 %copy.more, label %copy.one, label %keywords
copy.one:
  %is.given = icmp ult i64 %i, %given
  br i1 %is.given, label %copy.load, label %copied
copy.load:
  %arg.p = call ptr @word(ptr %args, i64 %i)
  %arg = load ptr, ptr %arg.p
  br label %copied
copied:
  %slot.value = phi ptr [ null, %copy.one ], [ %arg, %copy.load ]
  %slot.p = call ptr @word(ptr %slots, i64 %i)
  store ptr %slot.value, ptr %slot.p
  %i.next = add i64 %i, 1
  br label %copy

keywords:
  %no.names = icmp eq ptr %names, null
  br i1 %no.names, label %defaults, label %names.size
names.size:
  %size.p = getelementptr i8, ptr %names, i64 $SIZE
  %size = load i64, ptr %size.p
  %names.items = getelementptr i8, ptr %names, i64 $TUPLE_ITEMS
  %values = call ptr @word(ptr %args, i64 %given)
  br label %keyword
keyword:
  %k = phi i64 [ 0, %names.size ], [ %k.next, %found.store ]
  %keyword.more = icmp ult i64 %k, %size
  br i1 %keyword.more, label %keyword.one, label %defaults
keyword.one:
  %name.p = call ptr @word(ptr %names.items, i64 %k)
  %name = load ptr, ptr %name.p
  br label %search
search:
  %j = phi i64 [ %first, %keyword.one ], [ %j.next, %search.next ]
  %search.more = icmp ult i64 %j, %count
  br i1 %search.more, label %search.one, label %no
search.one:
  %row = mul i64 %j, 2
  %row.at = add i64 %row, 6
  %known.p = call ptr @word(ptr %table, i64 %row.at)
  %known = load ptr, ptr %known.p
  %is.known = icmp eq ptr %known, %name
  br i1 %is.known, label %found, label %search.next
search.next:
  %j.next = add i64 %j, 1
  br label %search
found:
  %found.p = call ptr @word(ptr %slots, i64 %j)
  %before = load ptr, ptr %found.p
  %is.free = icmp eq ptr %before, null
  br i1 %is.free, label %found.store, label %no
found.store:
  %value.p = call ptr @word(ptr %values, i64 %k)
  %value = load ptr, ptr %value.p
  store ptr %value, ptr %found.p
  %k.next = add i64 %k, 1
  br label %keyword

defaults:
  %d = phi i64 [ 0, %keywords ], [ 0, %keyword ], [ %d.next, %default.next ]
  %default.more = icmp ult i64 %d, %count
  br i1 %default.more, label %default.one, label %yes
default.one:
  %empty.p = call ptr @word(ptr %slots, i64 %d)
  %present = load ptr, ptr %empty.p
  %is.empty = icmp eq ptr %present, null
  br i1 %is.empty, label %default.find, label %default.next
default.find:
  %d.row = mul i64 %d, 2
  %d.name.at = add i64 %d.row, 6
  %d.value.at = add i64 %d.row, 7
  %d.name.p = call ptr @word(ptr %table, i64 %d.name.at)
  %d.name = load ptr, ptr %d.name.p
  %d.value.p = call ptr @word(ptr %table, i64 %d.value.at)
  %default = load ptr, ptr %d.value.p
  %no.default = icmp eq ptr %default, null
  br i1 %no.default, label %no, label %default.check
default.check:
  %function.p = call ptr @word(ptr %table, i64 3)
  %function = load ptr, ptr %function.p
  %is.positional = icmp ult i64 %d, %most
  br i1 %is.positional, label %check.positional, label %check.keyword
check.positional:
  %tuple.p = call ptr @word(ptr %table, i64 4)
  %tuple = load ptr, ptr %tuple.p
  %tuple.now = call ptr @PyFunction_GetDefaults(ptr %function)
  %same.tuple = icmp eq ptr %tuple, %tuple.now
  br i1 %same.tuple, label %default.store, label %no
check.keyword:
  %dict.p = call ptr @word(ptr %table, i64 5)
  %dict = load ptr, ptr %dict.p
  %dict.now = call ptr @PyFunction_GetKwDefaults(ptr %function)
  %same.dict = icmp eq ptr %dict, %dict.now
  br i1 %same.dict, label %check.item, label %no
check.item:
  %item = call ptr @PyDict_GetItemWithError(ptr %dict, ptr %d.name)
  %same.item = icmp eq ptr %item, %default
  br i1 %same.item, label %default.store, label %no
default.store:
  store ptr %default, ptr %empty.p
  br label %default.next
default.next:
  %d.next = add i64 %d, 1
  br label %defaults

yes:
  ret i1 true
no:
  ret i1 false
}

; A borrowed item of an exact tuple, list (by %index) or dict (by %key); NULL where there is none.
define ptr @jf.item(ptr %base, ptr %key, i64 %index) {
entry:
  %type.p = getelementptr i8, ptr %base, i64 $OBJECT_TYPE
  %type = load ptr, ptr %type.p
  %is.dict = icmp eq ptr %type, @PyDict_Type
  br i1 %is.dict, label %dict, label %sequence
dict:
  %found = call ptr @PyDict_GetItemWithError(ptr %base, ptr %key)
  ret ptr %found
sequence:
  %key.type.p = getelementptr i8, ptr %key, i64 $OBJECT_TYPE
  %key.type = load ptr, ptr %key.type.p
  %is.index = icmp eq ptr %key.type, @PyLong_Type
  %is.tuple = icmp eq ptr %type, @PyTuple_Type
  %is.list = icmp eq ptr %type, @PyList_Type
  %either = or i1 %is.tuple, %is.list
  %is.sequence = and i1 %either, %is.index
  br i1 %is.sequence, label %bounds, label %none
bounds:
  %size.p = getelementptr i8, ptr %base, i64 $SIZE
  %size = load i64, ptr %size.p
  %negative = icmp slt i64 %index, 0
  %wrapped = add i64 %index, %size
  %position = select i1 %negative, i64 %wrapped, i64 %index
  %inside = icmp ult i64 %position, %size
  br i1 %inside, label %choose, label %none
choose:
  %tuple.items = getelementptr i8, ptr %base, i64 $TUPLE_ITEMS
  br i1 %is.tuple, label %item, label %list
list:
  %list.p = getelementptr i8, ptr %base, i64 $LIST_ITEMS
  %list.items = load ptr, ptr %list.p
  br label %item
item:
  %items = phi ptr [ %tuple.items, %choose ], [ %list.items, %list ]
  %item.p = call ptr @word(ptr %items, i64 %position)
  %value = load ptr, ptr %item.p
  ret ptr %value
none:
  ret ptr null
}

; Whether %dict has %expected under %key: looked for at its place first, then as Python does.
define i1 @jf.has_item(ptr %dict, ptr %key, ptr %expected, i32 %shape, i64 %index, i64 %offset) {
  %keys.p = getelementptr i8, ptr %dict, i64 $DICT_KEYS
  %keys = load ptr, ptr %keys.p
  %values.p = getelementptr i8, ptr %dict, i64 $DICT_VALUES
  %values = load ptr, ptr %values.p
  %is.combined = icmp eq ptr %values, null
  %shape.p = getelementptr i8, ptr %keys, i64 $KEYS_SHAPE
  %shape.word = load i32, ptr %shape.p
  %shape.now = and i32 %shape.word, 16777215
  %is.shape = icmp eq i32 %shape.now, %shape
  %count.p = getelementptr i8, ptr %keys, i64 $KEYS_COUNT
  %count = load i64, ptr %count.p
  %is.inside = icmp ult i64 %index, %count
  %fits = and i1 %is.combined, %is.shape
  %is.readable = and i1 %fits, %is.inside
  br i1 %is.readable, label %probe, label %search
probe:
  %entry = getelementptr i8, ptr %keys, i64 %offset
  %key.now = load ptr, ptr %entry
  %value.p = getelementptr i8, ptr %entry, i64 8
  %value = load ptr, ptr %value.p
  %is.key = icmp eq ptr %key.now, %key
  %is.value = icmp eq ptr %value, %expected
  %is.there = and i1 %is.key, %is.value
  br i1 %is.there, label %yes, label %search
search:
  %found = call ptr @PyDict_GetItemWithError(ptr %dict, ptr %key)
  %is.missing = icmp eq ptr %found, null
  br i1 %is.missing, label %clear, label %compare
clear:
  call void @PyErr_Clear()
  ret i1 false
compare:
  %is.expected = icmp eq ptr %found, %expected
  ret i1 %is.expected
yes:
  ret i1 true
}

; First and last-but-one byte address of an array; false where it is empty.
define internal i1 @bounds(ptr %array, i64 %itemsize, ptr %low, ptr %high) {
entry:
  %data.p = getelementptr i8, ptr %array, i64 $ARRAY_DATA
  %data = load i64, ptr %data.p
  %rank.p = getelementptr i8, ptr %array, i64 $ARRAY_RANK
  %rank32 = load i32, ptr %rank.p
  %rank = sext i32 %rank32 to i64
  %shape.p = getelementptr i8, ptr %array, i64 $ARRAY_SHAPE
  %shape = load ptr, ptr %shape.p
  %strides.p = getelementptr i8, ptr %array, i64 $ARRAY_STRIDES
  %strides = load ptr, ptr %strides.p
  %end = add i64 %data, %itemsize
  br label %axis
axis:
  %i = phi i64 [ 0, %entry ], [ %i.next, %step ]
  %from = phi i64 [ %data, %entry ], [ %from.next, %step ]
  %to = phi i64 [ %end, %entry ], [ %to.next, %step ]
  %more = icmp ult i64 %i, %rank
  br i1 %more, label %one, label %done
one:
  %extent.p = call ptr @word(ptr %shape, i64 %i)
  %extent = load i64, ptr %extent.p
  %stride.p = call ptr @word(ptr %strides, i64 %i)
  %stride = load i64, ptr %stride.p
  %is.empty = icmp eq i64 %extent, 0
  br i1 %is.empty, label %empty, label %step
step:
  %last = sub i64 %extent, 1
  %reach = mul i64 %last, %stride
  %down = icmp slt i64 %reach, 0
  %lower = select i1 %down, i64 %reach, i64 0
  %upper = select i1 %down, i64 0, i64 %reach
  %from.next = add i64 %from, %lower
  %to.next = add i64 %to, %upper
  %i.next = add i64 %i, 1
  br label %axis
done:
  store i64 %from, ptr %low
  store i64 %to, ptr %high
  ret i1 true
empty:
  ret i1 false
}

; Whether the memory of two arrays lies apart, by the bounds of their memory.
define i1 @jf.disjoint(ptr %a, ptr %b, i64 %a.itemsize, i64 %b.itemsize) {
  %apart = call i1 @lie_apart(ptr %a, ptr %b, i64 %a.itemsize, i64 %b.itemsize)
  ret i1 %apart
}

; The same of many pairs of %arrays: %table is a bytes object with the positions of both, as i32.
define i1 @jf.all_disjoint(ptr %arrays, ptr %itemsizes, ptr %table, i64 %count) {
entry:
  %pairs = getelementptr i8, ptr %table, i64 $BYTES_DATA
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %i.next, %one ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %one, label %yes
one:
  %offset = mul i64 %i, 8
  %a.at.p = getelementptr i8, ptr %pairs, i64 %offset
  %b.at.p = getelementptr i8, ptr %a.at.p, i64 4
  %a.at32 = load i32, ptr %a.at.p, align 1
  %b.at32 = load i32, ptr %b.at.p, align 1
  %a.at = zext i32 %a.at32 to i64
  %b.at = zext i32 %b.at32 to i64
  %a.p = getelementptr ptr, ptr %arrays, i64 %a.at
  %b.p = getelementptr ptr, ptr %arrays, i64 %b.at
  %a = load ptr, ptr %a.p
  %b = load ptr, ptr %b.p
  %a.size.p = call ptr @word(ptr %itemsizes, i64 %a.at)
  %b.size.p = call ptr @word(ptr %itemsizes, i64 %b.at)
  %a.size = load i64, ptr %a.size.p
  %b.size = load i64, ptr %b.size.p
  %apart = call i1 @lie_apart(ptr %a, ptr %b, i64 %a.size, i64 %b.size)
  %i.next = add i64 %i, 1
  br i1 %apart, label %next, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define internal i1 @lie_apart(ptr %a, ptr %b, i64 %a.itemsize, i64 %b.itemsize) {
  %a.low.p = alloca i64
  %a.high.p = alloca i64
  %b.low.p = alloca i64
  %b.high.p = alloca i64
  %a.has = call i1 @bounds(ptr %a, i64 %a.itemsize, ptr %a.low.p, ptr %a.high.p)
  %b.has = call i1 @bounds(ptr %b, i64 %b.itemsize, ptr %b.low.p, ptr %b.high.p)
  %both = and i1 %a.has, %b.has
  br i1 %both, label %compare, label %yes
compare:
  %a.low = load i64, ptr %a.low.p
  %a.high = load i64, ptr %a.high.p
  %b.low = load i64, ptr %b.low.p
  %b.high = load i64, ptr %b.high.p
  %before = icmp ule i64 %a.high, %b.low
  %after = icmp ule i64 %b.high, %a.low
  %apart = or i1 %before, %after
  ret i1 %apart
yes:
  ret i1 true
}

; Scratch memory of at least %bytes, 64-byte aligned; the words before it: capacity, allocation.
define ptr @jf.take_arena(i64 %bytes) {
entry:
  %cached = atomicrmw xchg ptr @jf.arena, i64 0 acquire
  %has = icmp ne i64 %cached, 0
  br i1 %has, label %measure, label %make
measure:
  %block = inttoptr i64 %cached to ptr
  %capacity.p = getelementptr i8, ptr %block, i64 -16
  %capacity = load i64, ptr %capacity.p
  %enough = icmp uge i64 %capacity, %bytes
  br i1 %enough, label %reuse, label %replace
reuse:
  ret ptr %block
replace:
  %old.p = getelementptr i8, ptr %block, i64 -8
  %old = load ptr, ptr %old.p
  call void @PyMem_RawFree(ptr %old)
  br label %make
make:
  %total = add i64 %bytes, 128
  %raw = call ptr @PyMem_RawMalloc(i64 %total)
  %failed = icmp eq ptr %raw, null
  br i1 %failed, label %no, label %align
no:
  %error = call ptr @PyErr_NoMemory()
  ret ptr null
align:
  %address = ptrtoint ptr %raw to i64
  %after = add i64 %address, 127
  %aligned = and i64 %after, -64
  %fresh = inttoptr i64 %aligned to ptr
  %fresh.capacity = getelementptr i8, ptr %fresh, i64 -16
  store i64 %bytes, ptr %fresh.capacity
  %fresh.raw = getelementptr i8, ptr %fresh, i64 -8
  store ptr %raw, ptr %fresh.raw
  ret ptr %fresh
}

define void @jf.give_arena(ptr %block) {
  %value = ptrtoint ptr %block to i64
  %pair = cmpxchg ptr @jf.arena, i64 0, i64 %value release monotonic
  %kept = extractvalue { i64, i1 } %pair, 1
  br i1 %kept, label %done, label %free
free:
  %raw.p = getelementptr i8, ptr %block, i64 -8
  %raw = load ptr, ptr %raw.p
  call void @PyMem_RawFree(ptr %raw)
  ret void
done:
  ret void
}

define ptr @jf.known(ptr %object) {
  call void @Py_IncRef(ptr %object)
  ret ptr %object
}

; function(flags, result, *args, **keywords); takes the reference to %result.
define ptr @jf.call_with_flags(ptr %function, i32 %flags, ptr %result, ptr %args, i64 %nargsf,
                               ptr %names) {
entry:
  %given = and i64 %nargsf, 9223372036854775807
  %flags64 = zext i32 %flags to i64
  %number = call ptr @PyLong_FromLongLong(i64 %flags64)
  %failed = icmp eq ptr %number, null
  br i1 %failed, label %no, label %count
count:
  %no.names = icmp eq ptr %names, null
  br i1 %no.names, label %counted, label %size
size:
  %size.p = getelementptr i8, ptr %names, i64 $SIZE
  %named = load i64, ptr %size.p
  br label %counted
counted:
  %extra = phi i64 [ 0, %count ], [ %named, %size ]
  %total = add i64 %given, %extra
  %words = add i64 %total, 2
  %vector = alloca ptr, i64 %words
  store ptr %number, ptr %vector
  %result.p = call ptr @word(ptr %vector, i64 1)
  store ptr %result, ptr %result.p
  %rest = call ptr @word(ptr %vector, i64 2)
  br label %copy
copy:
  %i = phi i64 [ 0, %counted ], [ %i.next, %copy.one ]
  %more = icmp ult i64 %i, %total
  br i1 %more, label %copy.one, label %call
copy.one:
  %from = call ptr @word(ptr %args, i64 %i)
  %value = load ptr, ptr %from
  %to = call ptr @word(ptr %rest, i64 %i)
  store ptr %value, ptr %to
  %i.next = add i64 %i, 1
  br label %copy
call:
  %positional = add i64 %given, 2
  %answer = call ptr @PyObject_Vectorcall(ptr %function, ptr %vector, i64 %positional, ptr %names)
  call void @Py_DecRef(ptr %number)
  call void @Py_DecRef(ptr %result)
  ret ptr %answer
no:
  call void @Py_DecRef(ptr %result)
  ret ptr null
}

; Calls of Python from loops and branches.

@PyBool_Type = external global i8
@PyArray_Type = external global i8
@PyExc_Exception = external global i8
@Py_True = external global i8

declare i32 @PyErr_ExceptionMatches(ptr)
declare ptr @PyArray_NewFromDescr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare ptr @PyArray_NewCopy(ptr, i32)
declare i32 @PyArray_CopyInto(ptr, ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

; An array over memory that is not its own; aligned and writeable.
define internal ptr @view(ptr %dtype, i32 %rank, ptr %shape, ptr %strides, ptr %data) {
  call void @Py_IncRef(ptr %dtype)
  %view = call ptr @PyArray_NewFromDescr(ptr @PyArray_Type, ptr %dtype, i32 %rank, ptr %shape, ptr %strides, ptr %data, i32 1280, ptr null)
  ret ptr %view
}

; A new array with the elements at %data, which lie by %strides, or in C order where that is null.
define ptr @jf.array(ptr %dtype, i32 %rank, ptr %shape, ptr %strides, ptr %data, i64 %bytes) {
  %plain = icmp eq ptr %strides, null
  br i1 %plain, label %dense, label %strided
dense:
  call void @Py_IncRef(ptr %dtype)
  %array = call ptr @PyArray_NewFromDescr(ptr @PyArray_Type, ptr %dtype, i32 %rank, ptr %shape, ptr null, ptr null, i32 0, ptr null)
  %failed = icmp eq ptr %array, null
  br i1 %failed, label %none, label %fill
fill:
  %data.p = getelementptr i8, ptr %array, i64 $ARRAY_DATA
  %target = load ptr, ptr %data.p
  call void @llvm.memcpy.p0.p0.i64(ptr %target, ptr %data, i64 %bytes, i1 false)
  ret ptr %array
strided:
  %view = call ptr @view(ptr %dtype, i32 %rank, ptr %shape, ptr %strides, ptr %data)
  %lost = icmp eq ptr %view, null
  br i1 %lost, label %none, label %copy
copy:
  %copied = call ptr @PyArray_NewCopy(ptr %view, i32 0)
  call void @Py_DecRef(ptr %view)
  ret ptr %copied
none:
  ret ptr null
}

; The object at an address, a new reference.
define ptr @jf.object(i64 %address) {
  %object = inttoptr i64 %address to ptr
  call void @Py_IncRef(ptr %object)
  ret ptr %object
}

; Call with arguments whose references are taken. 0: the result, a tuple if %results is not 1, is at
; %out; 1: it is not that, or an exception, cleared, that Python will come upon again; 2: one that it
; will not.
define i32 @jf.call_python(ptr %function, ptr %arguments, i64 %count, i64 %results, ptr %out) {
entry:
  br label %check
check:
  %i = phi i64 [ 0, %entry ], [ %i.next, %checked ]
  %made = phi i1 [ true, %entry ], [ %made.next, %checked ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %checked, label %ready
checked:
  %p = call ptr @word(ptr %arguments, i64 %i)
  %argument = load ptr, ptr %p
  %there = icmp ne ptr %argument, null
  %made.next = and i1 %made, %there
  %i.next = add i64 %i, 1
  br label %check
ready:
  br i1 %made, label %call, label %release
call:
  %called = call ptr @PyObject_Vectorcall(ptr %function, ptr %arguments, i64 %count, ptr null)
  br label %release
release:
  %result = phi ptr [ null, %ready ], [ %called, %call ]
  br label %each
each:
  %k = phi i64 [ 0, %release ], [ %k.next, %next ]
  %left = icmp ult i64 %k, %count
  br i1 %left, label %one, label %done
one:
  %q = call ptr @word(ptr %arguments, i64 %k)
  %used = load ptr, ptr %q
  %is.null = icmp eq ptr %used, null
  br i1 %is.null, label %next, label %drop
drop:
  call void @Py_DecRef(ptr %used)
  br label %next
next:
  %k.next = add i64 %k, 1
  br label %each
done:
  store ptr %result, ptr %out
  %raised = icmp eq ptr %result, null
  br i1 %raised, label %look, label %arrived
arrived:
  %is.one = icmp eq i64 %results, 1
  br i1 %is.one, label %good, label %several
several:
  %type.p = getelementptr i8, ptr %result, i64 $OBJECT_TYPE
  %type = load ptr, ptr %type.p
  %is.tuple = icmp eq ptr %type, @PyTuple_Type
  %size.p = getelementptr i8, ptr %result, i64 $SIZE
  %size = load i64, ptr %size.p
  %is.size = icmp eq i64 %size, %results
  %fits = and i1 %is.tuple, %is.size
  br i1 %fits, label %good, label %refuse
refuse:
  call void @Py_DecRef(ptr %result)
  ret i32 1
good:
  ret i32 0
look:
  %again = call i32 @PyErr_ExceptionMatches(ptr @PyExc_Exception)
  %comes.again = icmp ne i32 %again, 0
  br i1 %comes.again, label %forget, label %keep
forget:
  call void @PyErr_Clear()
  ret i32 1
keep:
  ret i32 2
}

; Put the elements of an array of a given type where they belong; false where it is no such array.
define i1 @jf.put_array(ptr %object, ptr %dtype, i32 %number, i32 %rank, ptr %shape, ptr %strides, ptr %data, i64 %bytes) {
entry:
  %type.p = getelementptr i8, ptr %object, i64 $OBJECT_TYPE
  %type = load ptr, ptr %type.p
  %is.array = icmp eq ptr %type, @PyArray_Type
  br i1 %is.array, label %look, label %no
look:
  %own.p = getelementptr i8, ptr %object, i64 $ARRAY_DTYPE
  %own = load ptr, ptr %own.p
  %same = call i1 @jf.same_dtype(ptr %own, i32 %number)
  %rank.p = getelementptr i8, ptr %object, i64 $ARRAY_RANK
  %own.rank = load i32, ptr %rank.p
  %is.rank = icmp eq i32 %own.rank, %rank
  %fits = and i1 %same, %is.rank
  br i1 %fits, label %extents, label %no
extents:
  %extents.p = getelementptr i8, ptr %object, i64 $ARRAY_SHAPE
  %own.shape = load ptr, ptr %extents.p
  %last = sext i32 %rank to i64
  br label %each
each:
  %i = phi i64 [ 0, %extents ], [ %i.next, %equal ]
  %more = icmp slt i64 %i, %last
  br i1 %more, label %compare, label %copy
compare:
  %a.p = call ptr @word(ptr %own.shape, i64 %i)
  %b.p = call ptr @word(ptr %shape, i64 %i)
  %a = load i64, ptr %a.p
  %b = load i64, ptr %b.p
  %is.equal = icmp eq i64 %a, %b
  br i1 %is.equal, label %equal, label %no
equal:
  %i.next = add i64 %i, 1
  br label %each
copy:
  %flags.p = getelementptr i8, ptr %object, i64 $ARRAY_FLAGS
  %flags = load i32, ptr %flags.p
  %dense = and i32 %flags, $C_CONTIGUOUS
  %is.dense = icmp ne i32 %dense, 0
  %plain = icmp eq ptr %strides, null
  %direct = and i1 %is.dense, %plain
  br i1 %direct, label %whole, label %general
whole:
  %data.p = getelementptr i8, ptr %object, i64 $ARRAY_DATA
  %source = load ptr, ptr %data.p
  call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %source, i64 %bytes, i1 false)
  ret i1 true
general:
  %view = call ptr @view(ptr %dtype, i32 %rank, ptr %shape, ptr %strides, ptr %data)
  %lost = icmp eq ptr %view, null
  br i1 %lost, label %failed, label %into
into:
  %status = call i32 @PyArray_CopyInto(ptr %view, ptr %object)
  call void @Py_DecRef(ptr %view)
  %is.done = icmp eq i32 %status, 0
  br i1 %is.done, label %yes, label %failed
failed:
  call void @PyErr_Clear()
  br label %no
yes:
  ret i1 true
no:
  ret i1 false
}

; Put a number where it belongs: one of NumPy's class %scalar, or of Python's class %plain (int,
; bool, or one that keeps its %bytes as NumPy does).
define i1 @jf.put_number(ptr %object, ptr %scalar, ptr %plain, ptr %data, i64 %bytes) {
  %type.p = getelementptr i8, ptr %object, i64 $OBJECT_TYPE
  %type = load ptr, ptr %type.p
  %is.scalar = icmp eq ptr %type, %scalar
  br i1 %is.scalar, label %copy, label %other
other:
  %is.plain = icmp eq ptr %type, %plain
  br i1 %is.plain, label %convert, label %no
convert:
  %is.int = icmp eq ptr %plain, @PyLong_Type
  br i1 %is.int, label %integer, label %more
integer:
  %fits = call i1 @jf.to_integer(ptr %object, ptr %data)
  ret i1 %fits
more:
  %is.bool = icmp eq ptr %plain, @PyBool_Type
  br i1 %is.bool, label %truth, label %copy
truth:
  %holds = icmp eq ptr %object, @Py_True
  %byte = zext i1 %holds to i8
  store i8 %byte, ptr %data
  ret i1 true
copy:
  %number.p = getelementptr i8, ptr %object, i64 $NUMBER
  call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %number.p, i64 %bytes, i1 false)
  ret i1 true
no:
  ret i1 false
}

; Draws from a generator of the standard library: a position and 624 words behind the object's head.

define internal i32 @next_word(ptr %object) {
entry:
  %position.p = getelementptr i8, ptr %object, i64 16
  %words = getelementptr i8, ptr %object, i64 20
  %position = load i32, ptr %position.p
  %is.used = icmp uge i32 %position, 624
  br i1 %is.used, label %twist, label %ready
twist:
  %k = phi i32 [ 0, %entry ], [ %k.next, %twist ]
  %k.next = add i32 %k, 1
  %after = urem i32 %k.next, 624
  %far = add i32 %k, 397
  %distant = urem i32 %far, 624
  %one.p = getelementptr i32, ptr %words, i32 %k
  %two.p = getelementptr i32, ptr %words, i32 %after
  %three.p = getelementptr i32, ptr %words, i32 %distant
  %one = load i32, ptr %one.p
  %two = load i32, ptr %two.p
  %three = load i32, ptr %three.p
  %upper = and i32 %one, -2147483648
  %lower = and i32 %two, 2147483647
  %mixed = or i32 %upper, %lower
  %half = lshr i32 %mixed, 1
  %odd = and i32 %mixed, 1
  %matrix = mul i32 %odd, -1727483681
  %moved = xor i32 %three, %half
  %new = xor i32 %moved, %matrix
  store i32 %new, ptr %one.p
  %more = icmp ult i32 %k.next, 624
  br i1 %more, label %twist, label %ready
ready:
  %at = phi i32 [ %position, %entry ], [ 0, %twist ]
  %word.p = getelementptr i32, ptr %words, i32 %at
  %a = load i32, ptr %word.p
  %at.next = add i32 %at, 1
  store i32 %at.next, ptr %position.p
  %a.11 = lshr i32 %a, 11
  %b = xor i32 %a, %a.11
  %b.7 = shl i32 %b, 7
  %b.m = and i32 %b.7, -1658038656
  %c = xor i32 %b, %b.m
  %c.15 = shl i32 %c, 15
  %c.m = and i32 %c.15, -272236544
  %d = xor i32 %c, %c.m
  %d.18 = lshr i32 %d, 18
  %e = xor i32 %d, %d.18
  ret i32 %e
}

; Random.random
define double @jf.python_random(ptr %object) {
  %first = call i32 @next_word(ptr %object)
  %second = call i32 @next_word(ptr %object)
  %high = lshr i32 %first, 5
  %low = lshr i32 %second, 6
  %a = uitofp i32 %high to double
  %b = uitofp i32 %low to double
  %far = fmul double %a, 67108864.0
  %sum = fadd double %far, %b
  %number = fmul double %sum, 0x3CA0000000000000
  ret double %number
}

declare i64 @llvm.ctlz.i64(i64, i1)

; Random._randbelow
define i64 @jf.python_below(ptr %object, i64 %limit) {
entry:
  %zeros = call i64 @llvm.ctlz.i64(i64 %limit, i1 false)
  %bits = sub i64 64, %zeros
  %is.short = icmp ule i64 %bits, 32
  br i1 %is.short, label %short, label %long
short:
  %word = call i32 @next_word(ptr %object)
  %wide = zext i32 %word to i64
  %cut = sub i64 32, %bits
  %number = lshr i64 %wide, %cut
  %is.below = icmp ult i64 %number, %limit
  br i1 %is.below, label %done, label %short
long:
  %low.word = call i32 @next_word(ptr %object)
  %high.word = call i32 @next_word(ptr %object)
  %low = zext i32 %low.word to i64
  %high = zext i32 %high.word to i64
  %rest = sub i64 64, %bits
  %high.cut = lshr i64 %high, %rest
  %high.far = shl i64 %high.cut, 32
  %both = or i64 %high.far, %low
  %fits = icmp ult i64 %both, %limit
  br i1 %fits, label %done, label %long
done:
  %result = phi i64 [ %number, %short ], [ %both, %long ]
  ret i64 %result
}

; Draws as generators of the older kind make them: behind the bit generator's address the state has
; an int that tells whether a normal number is kept, and that number.

declare double @log(double)
declare double @llvm.sqrt.f64(double)

define internal double @next_uniform(ptr %state) {
  %bits = load ptr, ptr %state
  %own = load ptr, ptr %bits
  %draw.p = getelementptr i8, ptr %bits, i64 24
  %draw = load ptr, ptr %draw.p
  %number = call double %draw(ptr %own)
  ret double %number
}

define double @jf.older_normal(ptr %state) {
entry:
  %there.p = getelementptr i8, ptr %state, i64 8
  %kept.p = getelementptr i8, ptr %state, i64 16
  %there = load i32, ptr %there.p
  %has.one = icmp ne i32 %there, 0
  br i1 %has.one, label %take, label %again
take:
  %kept = load double, ptr %kept.p
  store i32 0, ptr %there.p
  store double 0.0, ptr %kept.p
  ret double %kept
again:
  %u = call double @next_uniform(ptr %state)
  %v = call double @next_uniform(ptr %state)
  %u.2 = fmul double %u, 2.0
  %v.2 = fmul double %v, 2.0
  %x = fsub double %u.2, 1.0
  %y = fsub double %v.2, 1.0
  %x.x = fmul double %x, %x
  %y.y = fmul double %y, %y
  %square = fadd double %x.x, %y.y
  %is.out = fcmp oge double %square, 1.0
  %is.zero = fcmp oeq double %square, 0.0
  %refused = or i1 %is.out, %is.zero
  br i1 %refused, label %again, label %polar
polar:
  %log = call double @log(double %square)
  %far = fmul double %log, -2.0
  %ratio = fdiv double %far, %square
  %factor = call double @llvm.sqrt.f64(double %ratio)
  %second = fmul double %factor, %x
  %first = fmul double %factor, %y
  store double %second, ptr %kept.p
  store i32 1, ptr %there.p
  ret double %first
}

define double @jf.older_scaled_normal(ptr %state, double %mean, double %scale) {
  %number = call double @jf.older_normal(ptr %state)
  %far = fmul double %scale, %number
  %sum = fadd double %mean, %far
  ret double %sum
}

define double @jf.older_exponential(ptr %state, double %scale) {
  %u = call double @next_uniform(ptr %state)
  %rest = fsub double 1.0, %u
  %log = call double @log(double %rest)
  %positive = fneg double %log
  %number = fmul double %scale, %positive
  ret double %number
}

; What long loops do now and then, by the clock: let other threads have the GIL, if this one holds it,
; and Python run the handlers of signals that have come, which it does in its first thread alone.
; 1 if a handler raised. The deadline, in nanoseconds, begins as 0.
define i32 @jf.poll(ptr %deadline) {
entry:
  %time = alloca [2 x i64]
  %r = call i32 @clock_gettime(i32 $CLOCK, ptr %time)
  %seconds = load i64, ptr %time
  %rest.p = call ptr @word(ptr %time, i64 1)
  %rest = load i64, ptr %rest.p
  %scaled = mul i64 %seconds, 1000000000
  %now = add i64 %scaled, %rest
  %soon = add i64 %now, $SWITCH_PERIOD
  %due = load i64, ptr %deadline
  %is.first = icmp eq i64 %due, 0
  br i1 %is.first, label %first, label %look
first:
  store i64 %soon, ptr %deadline
  ret i32 0
look:
  %early = icmp slt i64 %now, %due
  br i1 %early, label %done, label %ask
ask:
  %flags = call i32 @jf.hold_flags()
  %holds = call i32 @PyGILState_Check()
  %has.gil = icmp ne i32 %holds, 0
  br i1 %has.gil, label %yield, label %without
yield:
  store i64 %soon, ptr %deadline
  %own = call ptr @PyEval_SaveThread()
  call void @PyEval_RestoreThread(ptr %own)
  %status = call i32 @PyErr_CheckSignals()
  br label %end
without:
  %thread = call i64 @pthread_self()
  %main = load i64, ptr @jf.main_thread
  %is.main = icmp eq i64 %thread, %main
  %later = add i64 %now, $POLL_PERIOD
  %next = select i1 %is.main, i64 %later, i64 9223372036854775807
  store i64 %next, ptr %deadline
  br i1 %is.main, label %take, label %end
take:
  %state = call i32 @PyGILState_Ensure()
  %answer = call i32 @PyErr_CheckSignals()
  call void @PyGILState_Release(i32 %state)
  br label %end
end:
  %found = phi i32 [ %status, %yield ], [ 0, %without ], [ %answer, %take ]
  call void @jf.resume_flags(i32 %flags, i1 false)
  %raised = icmp ne i32 %found, 0
  %result = zext i1 %raised to i32
  ret i32 %result
done:
  ret i32 0
}

@jf.main_thread = external global i64

declare i32 @clock_gettime(i32, ptr)
declare i64 @pthread_self()
declare i32 @PyGILState_Check()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare i32 @PyErr_CheckSignals()
