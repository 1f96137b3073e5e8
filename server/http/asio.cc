// Asio and Beast are compiled here once, so that the other files only see their declarations.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
