# All programs of mmm-manager in one image; the command says which one runs.
FROM node:20-bookworm-slim AS build
WORKDIR /opt/mmm-manager
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/mmm-manager
COPY package.json LICENSE ./
COPY templates templates
COPY --from=build /opt/mmm-manager/node_modules node_modules
COPY --from=build /opt/mmm-manager/dist dist
# The second folder is the home of haproxy's official image, whose user has the number 99: a volume that both
# containers share belongs to that user, whichever of them is first.
RUN for program in dist/bin/mmm-*.js; do \
      ln -s "/opt/mmm-manager/$program" "/usr/local/bin/$(basename "$program" .js)" || exit 1; \
    done \
 && install -d -o node -g node -m 700 /var/lib/mmm-manager \
 && install -d -o 99 -g 99 /var/lib/haproxy
USER node
CMD ["mmm-status"]
