// A fiber is a stack of its own on which a function runs until it yields.
#ifndef BAN_TESTS_CUDA_EMULATOR_FIBERS_H_
#define BAN_TESTS_CUDA_EMULATOR_FIBERS_H_

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <vector>

namespace cuda_emulator {

// Fibers that all run the same function, one at a time, on the calling thread.
// `ucontext` makes the first jump onto a new stack; later ones are `_longjmp`,
// which unlike `swapcontext` costs no system call.
class FiberPool {
 public:
  static constexpr size_t kStackBytes = 64 << 10;

  // Makes at least `count` fibers ready to run `function` from its start.
  void Prepare(size_t count, std::function<void()> function) {
    function_ = std::move(function);
    while (fibers_.size() < count) fibers_.push_back(std::make_unique<Fiber>());
  }

  // Runs fiber `number` until it yields; true once its function has returned.
  bool Resume(size_t number) {
    running_ = fibers_[number].get();
    running_->finished = false;
    if (_setjmp(caller_) == 0) Enter(*running_);
    return running_->finished;
  }

  // Called on a fiber: goes back to the caller of `Resume`.
  void Yield() {
    if (_setjmp(running_->context) == 0) _longjmp(caller_, 1);
  }

  // Forgets every fiber that stopped half way through its function.
  void Abandon() {
    for (auto& fiber : fibers_) fiber->started = false;
  }

 private:
  struct Fiber {
    Fiber()
        : stack(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
      if (stack == MAP_FAILED) throw std::bad_alloc();
    }
    ~Fiber() { munmap(stack, kStackBytes); }
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    void* stack;
    jmp_buf context;
    bool started = false;
    bool finished = false;
  };

  [[noreturn]] void Enter(Fiber& fiber) {
    if (fiber.started) _longjmp(fiber.context, 1);
    fiber.started = true;
    ucontext_t start;
    getcontext(&start);
    start.uc_stack.ss_sp = fiber.stack;
    start.uc_stack.ss_size = kStackBytes;
    start.uc_link = nullptr;
    starting_ = this;
    makecontext(&start, &FiberPool::Loop, 0);
    setcontext(&start);
    __builtin_unreachable();
  }

  // Runs the function again each time the fiber is resumed after finishing.
  static void Loop() {
    FiberPool* pool = starting_;
    for (;;) {
      pool->function_();
      pool->running_->finished = true;
      pool->Yield();
    }
  }

  static inline FiberPool* starting_ = nullptr;
  std::function<void()> function_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  Fiber* running_ = nullptr;
  jmp_buf caller_;
};

}  // namespace cuda_emulator

#endif  // BAN_TESTS_CUDA_EMULATOR_FIBERS_H_
