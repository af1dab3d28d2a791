; The thread pool: one job at a time, which is a function of a range of iterations.
;
; `state` counts the workers that are inside of the job in its low half, and has bit 32 while they
; may enter: who posts a job never waits for a worker that is asleep. Names after a dollar sign
; are filled in by `threads`.

@busy = internal global i32 0, align 64
@started = internal global i64 0
@asleep = internal global i64 0
@lock = internal global [32 x i64] zeroinitializer, align 64
@wake = internal global [32 x i64] zeroinitializer, align 64
@posted = internal global i64 0, align 64
@state = internal global i64 0, align 64
@next = internal global i64 0, align 64
@function = internal global ptr null, align 64
@context = internal global ptr null
@extent = internal global i64 0
@grain = internal global i64 0
@most = internal global i64 0
@control = internal global i32 0
@flags = internal global i32 0
@failed = internal global i32 0

declare i64 @llvm.umin.i64(i64, i64)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(i64)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @sched_yield()

; Call %function(%context, first, last) for parts of 0..%extent, on at most %threads threads; parts
; begin at multiples of %multiple, a power of two. What a call gave besides 0. %work: nanoseconds of all.
define i32 @jf.parallel(ptr %function, ptr %context, i64 %extent, i64 %work, i64 %multiple, i64 %threads) {
entry:
  %worth = udiv i64 %work, $GRAIN
  %is.short = icmp ult i64 %worth, $LEAST
  %is.alone = icmp ult i64 %threads, 2
  %direct = or i1 %is.short, %is.alone
  br i1 %direct, label %alone, label %claim

alone:
  %result = call i32 %function(ptr %context, i64 0, i64 %extent)
  ret i32 %result

claim:
  %claimed = cmpxchg ptr @busy, i32 0, i32 1 seq_cst seq_cst
  %is.mine = extractvalue { i32, i1 } %claimed, 1
  br i1 %is.mine, label %prepare, label %alone

prepare:
  %workers = sub i64 %threads, 1
  call void @start(i64 %workers)
  %many = mul i64 %threads, $PARTS
  %parts = call i64 @llvm.umin.i64(i64 %worth, i64 %many)
  %less = sub i64 %parts, 1
  %padded = add i64 %extent, %less
  %even = udiv i64 %padded, %parts
  %mask = sub i64 %multiple, 1
  %up = add i64 %even, %mask
  %negative = sub i64 0, %multiple
  %grain = and i64 %up, %negative
  store ptr %function, ptr @function
  store ptr %context, ptr @context
  store i64 %extent, ptr @extent
  store i64 %grain, ptr @grain
  store i32 0, ptr @flags
  store i32 0, ptr @failed
  %room = call i64 @llvm.umin.i64(i64 %workers, i64 %less)
  store atomic i64 %room, ptr @most monotonic, align 8
  store atomic i64 0, ptr @next monotonic, align 8
  call void @keep_control()
  store atomic i64 4294967296, ptr @state seq_cst, align 8
  %before = atomicrmw add ptr @posted, i64 1 seq_cst
  %sleepers = load atomic i64, ptr @asleep seq_cst, align 8
  %are.asleep = icmp ne i64 %sleepers, 0
  br i1 %are.asleep, label %rouse, label %take

rouse:
  %wanted = call i64 @llvm.umin.i64(i64 %room, i64 %sleepers)
  call i32 @pthread_mutex_lock(ptr @lock)
  br label %one

one:
  %roused = phi i64 [ 0, %rouse ], [ %roused.next, %one ]
  call i32 @pthread_cond_signal(ptr @wake)
  %roused.next = add i64 %roused, 1
  %some.more = icmp ult i64 %roused.next, %wanted
  br i1 %some.more, label %one, label %roused.all

roused.all:
  call i32 @pthread_mutex_unlock(ptr @lock)
  br label %take

take:
  call void @run()
  %closing = atomicrmw and ptr @state, i64 4294967295 seq_cst
  br label %wait

wait:
  %turn = phi i64 [ 0, %take ], [ %turn.next, %again ]
  %inside = load atomic i64, ptr @state acquire, align 8
  %is.over = icmp eq i64 %inside, 0
  br i1 %is.over, label %finish, label %longer

longer:
  %turn.next = add i64 %turn, 1
  %is.long = icmp ugt i64 %turn, $SPINS
  br i1 %is.long, label %yield, label %rest

yield:
  call i32 @sched_yield()
  br label %again

rest:
  $PAUSE
  br label %again

again:
  br label %wait

finish:
  call void @raise()
  %failed = load i32, ptr @failed
  store atomic i32 0, ptr @busy release, align 4
  ret i32 %failed
}

; Parts of the job until none is left.
define internal void @run() {
entry:
  %function = load ptr, ptr @function
  %context = load ptr, ptr @context
  %extent = load i64, ptr @extent
  %grain = load i64, ptr @grain
  br label %again

again:
  %first = atomicrmw add ptr @next, i64 %grain monotonic
  %is.left = icmp slt i64 %first, %extent
  br i1 %is.left, label %part, label %done

part:
  %end = add i64 %first, %grain
  %last = call i64 @llvm.umin.i64(i64 %end, i64 %extent)
  %result = call i32 %function(ptr %context, i64 %first, i64 %last)
  %is.good = icmp eq i32 %result, 0
  br i1 %is.good, label %again, label %fail

fail:
  %worse = atomicrmw umax ptr @failed, i32 %result monotonic
  store atomic i64 %extent, ptr @next monotonic, align 8
  br label %done

done:
  ret void
}

; The life of a worker: look for a job for a while, then sleep until one is posted.
define internal ptr @worker(ptr %nothing) {
entry:
  br label %look

look:
  %seen = phi i64 [ -1, %entry ], [ %seen, %spin ], [ %posted, %join ], [ %posted, %leave ], [ %seen, %awake ]
  %turn = phi i64 [ 0, %entry ], [ %turn.next, %spin ], [ 0, %join ], [ 0, %leave ], [ 0, %awake ]
  %posted = load atomic i64, ptr @posted seq_cst, align 8
  %is.new = icmp ne i64 %posted, %seen
  br i1 %is.new, label %join, label %idle

idle:
  %turn.next = add i64 %turn, 1
  %is.long = icmp ugt i64 %turn, $SPINS
  br i1 %is.long, label %sleep, label %spin

spin:
  $PAUSE
  br label %look

sleep:
  call i32 @pthread_mutex_lock(ptr @lock)
  %more = atomicrmw add ptr @asleep, i64 1 seq_cst
  br label %check

check:
  %now = load atomic i64, ptr @posted seq_cst, align 8
  %is.same = icmp eq i64 %now, %seen
  br i1 %is.same, label %wait, label %awake

wait:
  call i32 @pthread_cond_wait(ptr @wake, ptr @lock)
  br label %check

awake:
  %fewer = atomicrmw sub ptr @asleep, i64 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr @lock)
  br label %look

join:
  %state = load atomic i64, ptr @state seq_cst, align 8
  %open = icmp uge i64 %state, 4294967296
  %count = and i64 %state, 4294967295
  %most = load atomic i64, ptr @most monotonic, align 8
  %is.room = icmp ult i64 %count, %most
  %may.enter = and i1 %open, %is.room
  br i1 %may.enter, label %enter, label %look

enter:
  %one.more = add i64 %state, 1
  %swapped = cmpxchg ptr @state, i64 %state, i64 %one.more seq_cst seq_cst
  %is.inside = extractvalue { i64, i1 } %swapped, 1
  br i1 %is.inside, label %work, label %join

work:
  call void @take_control()
  call void @run()
  call void @give_flags()
  br label %leave

leave:
  %gone = atomicrmw sub ptr @state, i64 1 seq_cst
  br label %look
}

; Workers for all but one of the threads.
define internal void @start(i64 %wanted) {
entry:
  %all = alloca [32 x i64], align 16
  %old = alloca [32 x i64], align 16
  %thread = alloca i64
  %have = load i64, ptr @started
  %enough = icmp uge i64 %have, %wanted
  br i1 %enough, label %done, label %prepare

prepare:
  %is.first = icmp eq i64 %have, 0
  br i1 %is.first, label %first, label %block

first:
  call i32 @pthread_mutex_init(ptr @lock, ptr null)
  call i32 @pthread_cond_init(ptr @wake, ptr null)
  br label %block

; Signals are for the threads that Python knows.
block:
  call i32 @sigfillset(ptr %all)
  call i32 @pthread_sigmask(i32 $SET_MASK, ptr %all, ptr %old)
  br label %create

create:
  %count = phi i64 [ %have, %block ], [ %count.next, %created ]
  %result = call i32 @pthread_create(ptr %thread, ptr null, ptr @worker, ptr null)
  %is.made = icmp eq i32 %result, 0
  br i1 %is.made, label %created, label %restore

created:
  %handle = load i64, ptr %thread
  call i32 @pthread_detach(i64 %handle)
  %count.next = add i64 %count, 1
  store i64 %count.next, ptr @started
  %more = icmp ult i64 %count.next, %wanted
  br i1 %more, label %create, label %restore

restore:
  call i32 @pthread_sigmask(i32 $SET_MASK, ptr %old, ptr null)
  br label %done

done:
  ret void
}

; A child process has none of the threads of its parent.
define void @jf.forget_threads() {
  store i32 0, ptr @busy
  store i64 0, ptr @started
  store i64 0, ptr @asleep
  store i64 0, ptr @state
  ret void
}
