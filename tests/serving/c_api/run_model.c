// Loads a SavedModel through TensorFlow's C API, as a server does, runs its
// signature `outputs` on one request, and writes the instances.
//
//   run_model MODEL REQUEST OUT [LIBRARY]
//
// REQUEST: int32 B, N, C; B counts; float32 B x N x C points.  OUT: int32
// B x N instances, then B x N classes.  LIBRARY: of ops that the model needs.
// Names of tensors come on the standard input, a line each: points, num_points,
// instance, semantic.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

static void check(TF_Status* status, const char* what) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "%s: %s\n", what, TF_Message(status));
  exit(1);
}

static void require(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "%s\n", what);
  exit(2);
}

static TF_Output tensor(TF_Graph* graph) {
  char name[256];
  require(fgets(name, sizeof name, stdin) != NULL, "a name is missing");
  name[strcspn(name, "\n")] = 0;
  char* colon = strrchr(name, ':');
  require(colon != NULL, "a name has no output number");
  *colon = 0;
  TF_Output output = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  require(output.oper != NULL, "there is no such operation");
  return output;
}

int main(int argc, char** argv) {
  require(argc >= 4, "run_model MODEL REQUEST OUT [LIBRARY]");
  TF_Status* status = TF_NewStatus();
  if (argc > 4) {
    TF_LoadLibrary(argv[4], status);
    check(status, "TF_LoadLibrary");
  }
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  const char* tags[] = {"serve"};
  TF_Session* session = TF_LoadSessionFromSavedModel(
      options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status, "TF_LoadSessionFromSavedModel");

  FILE* file = fopen(argv[2], "rb");
  int32_t size[3];
  require(file && fread(size, 4, 3, file) == 3, "REQUEST has no sizes");
  int64_t shape[3] = {size[0], size[1], size[2]};
  size_t num_values = (size_t)(shape[0] * shape[1] * shape[2]);
  TF_Tensor* count = TF_AllocateTensor(TF_INT32, shape, 1, 4 * size[0]);
  TF_Tensor* points = TF_AllocateTensor(TF_FLOAT, shape, 3, 4 * num_values);
  require(fread(TF_TensorData(count), 4, size[0], file) == (size_t)size[0] &&
              fread(TF_TensorData(points), 4, num_values, file) == num_values,
          "REQUEST is cut off");
  fclose(file);

  TF_Output inputs[2], outputs[2];
  inputs[0] = tensor(graph);
  inputs[1] = tensor(graph);
  outputs[0] = tensor(graph);
  outputs[1] = tensor(graph);
  TF_Tensor* given[2] = {points, count};
  TF_Tensor* found[2] = {NULL, NULL};
  TF_SessionRun(session, NULL, inputs, given, 2, outputs, found, 2, NULL, 0,
                NULL, status);
  check(status, "TF_SessionRun");

  file = fopen(argv[3], "wb");
  require(file != NULL, "OUT cannot be written");
  for (int k = 0; k < 2; ++k) {
    require(TF_TensorType(found[k]) == TF_INT32, "an output is not int32");
    fwrite(TF_TensorData(found[k]), 1, TF_TensorByteSize(found[k]), file);
    TF_DeleteTensor(found[k]);
  }
  fclose(file);
  TF_DeleteTensor(points);
  TF_DeleteTensor(count);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
