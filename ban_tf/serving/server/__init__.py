"""A small server that speaks the protocols of TensorFlow Serving.

One process answers (`serving`, over `grpc_services` and `rest`), checks requests (`signatures`,
`tensors`, `json_forms`), lets them wait (`waiting`) and puts them into batches (`batches`); worker
processes run the model (`worker`, `worker_process`). `version` is one version with its workers,
`versions` all that are served.
"""
