// A driver library that records launches instead of making them: a stand-in for libcuda.so.1 with
// one device of capability 9.0. FAKE_CUDA_DEVICES changes the number of devices, FAKE_CUDA_INIT and
// FAKE_CUDA_LAUNCH the result of cuInit, of launches, and so on.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;

static struct {
  uint32_t grid[3], block[3], shared;
  uint64_t stream;
} last;
static int sizes[256], parameters;
static unsigned char packed[1 << 16];
static int packed_bytes;
static long launches, loads, functions;
static int dynamic_shared;
static float clock_ms;  // launches take longer the further their threads are from FAKE_CUDA_FASTEST
static __thread void *context;  // of each thread; needed where FAKE_CUDA_CONTEXTS is 1

// What the tests ask for.
void fake_expect(int count, const int *given) {
  parameters = count;
  memcpy(sizes, given, sizeof(int) * count);
}
long fake_launches(void) { return launches; }
long fake_loads(void) { return loads; }
int fake_dynamic_shared(void) { return dynamic_shared; }
int fake_parameters(unsigned char *out) {
  memcpy(out, packed, packed_bytes);
  return packed_bytes;
}
void *fake_context(void) { return context; }
void fake_configuration(uint32_t *out, uint64_t *stream) {
  memcpy(out, last.grid, sizeof last.grid);
  memcpy(out + 3, last.block, sizeof last.block);
  out[6] = last.shared;
  *stream = last.stream;
}

static int setting(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}

static int pack(unsigned char *out, void **given) {
  int total = 0;
  for (int i = 0; i < parameters; i++) {
    memcpy(out + total, given[i], sizes[i]);
    total += sizes[i];
  }
  return total;
}

static Result record(void **given) {
  packed_bytes = pack(packed, given);
  launches++;
  int fastest = setting("FAKE_CUDA_FASTEST", 128);
  clock_ms += 0.01f * (1 + abs((int)last.block[0] - fastest) / 32);
  return setting("FAKE_CUDA_LAUNCH", 0);
}

Result cuInit(unsigned flags) { return setting("FAKE_CUDA_INIT", 0); }
Result cuDriverGetVersion(int *version) { *version = 13000; return 0; }
Result cuDeviceGetCount(int *count) { *count = setting("FAKE_CUDA_DEVICES", 1); return 0; }
Result cuDeviceGet(int *device, int index) { *device = index; return 0; }
Result cuDeviceGetName(char *name, int room, int device) {
  snprintf(name, room, "Fake H200");
  return 0;
}
Result cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)141 << 30; return 0; }
Result cuDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {
    case 75: *value = setting("FAKE_CUDA_MAJOR", 9); break;
    case 76: *value = 0; break;
    case 16: *value = 132; break;
    case 97: *value = 232448; break;
    default: *value = 1;
  }
  return 0;
}
Result cuDevicePrimaryCtxRetain(void **found, int device) {
  *found = (void *)(intptr_t)(0x1000 + device);
  return 0;
}
Result cuCtxSetCurrent(void *given) { context = given; return 0; }
Result cuGetErrorName(Result code, const char **name) { *name = "FAKE_ERROR"; return 0; }
Result cuGetErrorString(Result code, const char **text) { *text = "a fake error"; return 0; }
Result cuModuleLoadData(void **module, const void *image) {
  if (memcmp(image, "\177ELF", 4)) return 200;  // CUDA_ERROR_INVALID_IMAGE
  loads++;
  *module = (void *)0x2000;
  return 0;
}
Result cuModuleGetFunction(void **function, void *module, const char *name) {
  if (!strcmp(name, "absent")) return 500;  // CUDA_ERROR_NOT_FOUND
  *function = (void *)(0x3000 + ++functions);
  return 0;
}
Result cuFuncSetAttribute(void *function, int attribute, int value) {
  if (attribute == 8) dynamic_shared = value;
  return 0;
}
// CUlaunchConfig: as many numbers as a launch without attributes has.
struct Configuration {
  uint32_t grid[3], block[3], shared;
  void *stream, *attributes;
  uint32_t attribute_count;
};
Result cuLaunchKernelEx(const struct Configuration *given, void *function, void **parameters,
                        void **extra) {
  if (setting("FAKE_CUDA_CONTEXTS", 0) && !context) return 201;  // CUDA_ERROR_INVALID_CONTEXT
  if (given->attributes || given->attribute_count) return 1;     // CUDA_ERROR_INVALID_VALUE
  memcpy(last.grid, given->grid, sizeof last.grid);
  memcpy(last.block, given->block, sizeof last.block);
  last.shared = given->shared;
  last.stream = (uint64_t)given->stream;
  return record(parameters);
}

// Graphs of kernels, each node after the one before.
struct Kernel {  // CUDA_KERNEL_NODE_PARAMS
  void *function;
  uint32_t grid[3], block[3], shared;
  void **parameters, **extra, *kernel, *context;
};
struct Node {
  void *function;
  uint32_t numbers[7];
  unsigned char packed[256];
  int bytes;
};
struct Graph {
  int count;
  struct Node nodes[2048];
};
static struct Graph *last_graph;
static long graphs, executables, graph_launches, replaced;
static uint64_t graph_stream;

long fake_graphs(void) { return graphs; }
long fake_executables(void) { return executables; }
long fake_graph_launches(void) { return graph_launches; }
long fake_replaced(void) { return replaced; }
int fake_graph_nodes(void) { return last_graph ? last_graph->count : -1; }
uint64_t fake_graph_stream(void) { return graph_stream; }
int fake_graph_node(int number, unsigned char *out, uint32_t *numbers) {
  struct Node *node = last_graph->nodes + number;
  memcpy(out, node->packed, node->bytes);
  memcpy(numbers, node->numbers, sizeof node->numbers);
  return node->bytes;
}

static void fill(struct Node *node, const struct Kernel *given) {
  node->function = given->function;
  memcpy(node->numbers, given->grid, sizeof node->numbers);
  node->bytes = pack(node->packed, given->parameters);
}
Result cuGraphCreate(struct Graph **graph, unsigned flags) {
  if (flags) return 1;
  *graph = calloc(1, sizeof **graph);
  graphs++;
  return 0;
}
Result cuGraphDestroy(struct Graph *graph) { free(graph); graphs--; return 0; }
Result cuGraphAddKernelNode_v2(void **node, struct Graph *graph, void **before, size_t count,
                               const struct Kernel *given) {
  if (count != (graph->count > 0) || given->extra || given->kernel || given->context) return 1;
  if (count && before[0] != (void *)(intptr_t)graph->count) return 1;  // a chain
  fill(graph->nodes + graph->count, given);
  *node = (void *)(intptr_t)++graph->count;
  return 0;
}
Result cuGraphInstantiateWithFlags(struct Graph **executable, struct Graph *graph,
                                   unsigned long long flags) {
  if (setting("FAKE_CUDA_GRAPH", 0)) return setting("FAKE_CUDA_GRAPH", 0);
  *executable = malloc(sizeof **executable);
  memcpy(*executable, graph, sizeof *graph);
  executables++;
  return 0;
}
Result cuGraphExecDestroy(struct Graph *graph) {
  if (last_graph == graph) last_graph = 0;
  free(graph);
  executables--;
  return 0;
}
Result cuGraphExecKernelNodeSetParams_v2(struct Graph *graph, void *node,
                                         const struct Kernel *given) {
  int number = (int)(intptr_t)node - 1;
  if (graph->nodes[number].function != given->function) return 1;
  fill(graph->nodes + number, given);
  replaced++;
  return setting("FAKE_CUDA_REPLACE", 0);
}
Result cuGraphLaunch(struct Graph *graph, void *stream) {
  if (setting("FAKE_CUDA_CONTEXTS", 0) && !context) return 201;
  if (setting("FAKE_CUDA_GRAPH_LAUNCH", 0)) return setting("FAKE_CUDA_GRAPH_LAUNCH", 0);
  last_graph = graph;
  graph_stream = (uint64_t)stream;
  graph_launches++;
  return 0;
}

// Events: what the clock said.
Result cuEventCreate(float **event, unsigned flags) {
  if (flags) return 1;
  *event = calloc(1, sizeof(float));
  return 0;
}
Result cuEventRecord(float *event, void *stream) { *event = clock_ms; return 0; }
Result cuEventSynchronize(float *event) { return 0; }
Result cuEventElapsedTime(float *elapsed, float *begin, float *end) {
  *elapsed = *end - *begin;
  return 0;
}
