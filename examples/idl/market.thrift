namespace go market
namespace rs market

struct Order { 1: required string item, 2: required i32 count }
struct Price { 1: required string item, 2: required i64 cents }
struct Receipt { 1: required i32 orders, 2: required i64 cents }
struct Interest { 1: required string item, 2: required i32 changes }

// One service: ordinary calls beside the four modes of streaming.
service Market {
  // An ordinary call.
  Price quote(1: Order order)
  // One request, one answer. Kitex serves such methods over gRPC only, ours are ordinary ones.
  Price reserve(1: Order order) (streaming.mode = "unary")
  // Many requests, one answer.
  Receipt buy(1: Order order) (streaming.mode = "client")
  // One request, many answers.
  Price watch(1: Interest interest) (streaming.mode = "server")
  // Both ways, each at its own pace.
  Price haggle(1: Order order) (streaming.mode = "bidirectional")
}
