#include "proxy/interceptor.h"

#include "proxy/body_transform.h"

namespace standin::proxy {

Exchange::~Exchange() = default;

std::unique_ptr<BodyTransform> Exchange::on_response(ResponseHead&) { return nullptr; }

std::optional<WipingBuffer> Exchange::on_response_trailer(const Field&) { return std::nullopt; }

MessageFilters Exchange::on_websocket() { return {}; }

Pass::Pass() = default;
Pass::Pass(std::unique_ptr<Exchange> e) : exchange(std::move(e)) {}
Pass::Pass(std::unique_ptr<Exchange> e, std::unique_ptr<BodyTransform> b)
    : exchange(std::move(e)), body(std::move(b)) {}
Pass::Pass(Pass&&) noexcept = default;
Pass& Pass::operator=(Pass&&) noexcept = default;
Pass::~Pass() = default;

}  // namespace standin::proxy
