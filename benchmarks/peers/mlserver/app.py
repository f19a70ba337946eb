"""MLServer: a custom runtime without parallel workers; base64 in JSON as V2 sends bytes."""

from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.digits import NPY, Graph, read


class Digits(MLModel):
    """The runtime: one graph."""

    async def load(self) -> bool:
        """Load the graph."""
        self.graph = Graph()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Classify one image, or each digit of a NumPy file or of a tensor."""
        [tensor] = payload.inputs
        if tensor.name == "digits":
            digits = NumpyCodec.decode_input(tensor)
        else:
            [body] = Base64Codec.decode_input(tensor)
            digits = read(body, NPY if tensor.name == "array" else None)
        output = NumpyCodec.encode_output("probabilities", self.graph.probabilities(digits))
        return InferenceResponse(model_name=self.name, outputs=[output])
