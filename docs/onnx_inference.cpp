// A Wirechamber model in a reconstruction framework: load the file once, call it for many tracks at a time.
//
//   g++ -std=c++17 -O2 -I$ORT/include onnx_inference.cpp -L$ORT/lib -lonnxruntime -o onnx_inference
//   ./onnx_inference model.onnx
//
// $ORT: an unpacked release of ONNX Runtime, https://github.com/microsoft/onnxruntime/releases

#include <array>
#include <cstdint>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include <onnxruntime_cxx_api.h>

// One model, loaded once. `operator()` may be called from several threads.
class Extrapolator {
public:
  static constexpr std::int64_t kColumns = 6;  // x, y [mm], tx, ty, q/p [1/GeV], dz [mm]
  static constexpr std::int64_t kTargets = 4;  // x, y [mm], tx, ty

  explicit Extrapolator(const std::string& file)
      : env_(ORT_LOGGING_LEVEL_WARNING, "wirechamber"), session_(env_, file.c_str(), options()) {
    Ort::AllocatorWithDefaultOptions allocator;
    const auto meta = session_.GetModelMetadata();
    // What the columns are, in which order and units, is in the file: check it once, not in every event.
    if (const auto text = meta.LookupCustomMetadataMapAllocated("inputs", allocator)) inputs_ = text.get();
    if (const auto text = meta.LookupCustomMetadataMapAllocated("job", allocator)) job_ = text.get();
  }

  // `states` holds N rows of kColumns in physical units, one after the other; N rows of kTargets come back.
  std::vector<float> operator()(std::vector<float>& states) {
    const std::array<std::int64_t, 2> shape{static_cast<std::int64_t>(states.size()) / kColumns, kColumns};
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const auto input =
        Ort::Value::CreateTensor<float>(memory, states.data(), states.size(), shape.data(), shape.size());
    const char* inputs[] = {"state"};
    const char* outputs[] = {"predicted_state"};
    auto found = session_.Run(Ort::RunOptions{nullptr}, inputs, &input, 1, outputs, 1);
    const float* values = found.front().GetTensorData<float>();
    return {values, values + shape[0] * kTargets};
  }

  const std::string& inputs() const { return inputs_; }
  const std::string& job() const { return job_; }

private:
  static Ort::SessionOptions options() {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);  // frameworks run events in parallel, not the operations of one
    options.SetGraphOptimizationLevel(GraphOptimizationLevel::ORT_ENABLE_ALL);
    return options;
  }

  Ort::Env env_;
  Ort::Session session_;
  std::string inputs_, job_;
};

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: onnx_inference model.onnx\n";
    return 2;
  }
  Extrapolator extrapolate(argv[1]);
  std::cout << "job " << extrapolate.job() << "\ninputs " << extrapolate.inputs() << "\n";
  std::vector<float> states{
      0.f, 0.f, 0.01f, 0.f, 0.1f, 5161.f,    // one track of 10 GeV,
      50.f, -20.f, -0.1f, 0.05f, -0.02f, 5161.f,  // one of 50 GeV and the other charge
  };
  const auto ends = extrapolate(states);
  for (std::size_t i = 0; i < ends.size(); i += Extrapolator::kTargets) {
    std::cout << "x " << ends[i] << " mm, y " << ends[i + 1] << " mm, tx " << ends[i + 2] << ", ty " << ends[i + 3] << "\n";
  }
} catch (const Ort::Exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
