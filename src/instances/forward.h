/* A request that another instance answers. What comes from the inspector: the operation "forward" with the
 * arguments
 *
 *     instance   its id
 *     method     GET, HEAD, POST or DELETE
 *     target     path and query as the other one is to see them
 *     base       where hrefs of the answer begin: "https://host/prefix"
 *     h:NAME     a header of the client's
 *     remember   Set-Cookie where there is such an instance
 *     forget     ... and where there is none
 *     bearer     what the inspector signed for the other one; left out where there is no key
 *
 * The answer's head has its status in "status" and its headers in "x:NAME"; its body is as it came. */
#pragma once

#define FORWARD_OPERATION "forward"
