/**
 * O comando `estado` do cliente: o programa de verdade, e portas de saúde que respondem o que o
 * teste quiser, por HTTP.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { textoDoEndereco } from "../lib/endereco.ts";
import { type Json, MAPA, portasLivres, RAIZ } from "./apoio.ts";
import { type HttpFalso, semFim, servirBytes, servirHttp } from "./apoio/http_falso.ts";

const [A, B, C] = ["10.0.0.1:10097", "10.0.0.2:10097", "10.0.0.3:10097"];

/** O que diz um líder com os dois seguidores em dia. */
const LIDER = {
  pronto: true,
  aceitaPuts: true,
  motivo: "",
  papel: "lider",
  servidor: A,
  lider: A,
  replicas: 2,
  emDia: [B, C],
  entrando: [],
  faltam: [],
  porVir: 0,
  timestamp: 7,
  confirmado: 7,
  keys: 3,
  epoca: "9f0c12ab",
  versao: "0.2.0",
};

/** E um seguidor em dia com ele. */
const SEGUIDOR = { ...LIDER, papel: "seguidor", servidor: B, emDia: [A], replicas: 0 };

const faltar = (servidor: string | undefined, segundos: number) => ({
  servidor,
  desde: "2026-11-26T09:00:00.000Z",
  segundos,
});

/** Uma porta de saúde que responde este JSON, com o código que lhe cabe. */
function saudeDe(json: Json): HttpFalso {
  return servirHttp(({ url }) =>
    new URL(url).pathname === "/readyz"
      ? Response.json(json, { status: json.pronto ? 200 : 503 })
      : new Response(null, { status: 404 })
  );
}

/** Uma porta de saúde em que ninguém atende. */
function ninguem(): HttpFalso {
  const onde = { ip: "127.0.0.1", porta: portasLivres(1)[0]! };
  return { onde, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Roda o cliente, com as permissões de que `estado` precisa e mais nenhuma. */
async function rodar(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...MAPA, "--allow-net", `${RAIZ}cliente.ts`, ...args],
    env,
    stdin: "null",
  }).output();
  const [saida, erros] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { codigo: code, linhas: saida!.split("\n").slice(0, -1), erros: erros! };
}

/** O que `estado` mostra destas portas de saúde, que depois fecham. */
async function estado(portas: readonly HttpFalso[], ...args: string[]) {
  const saude = portas.map(({ onde }) => textoDoEndereco(onde));
  try {
    const { erros, ...resultado } = await rodar(["estado", `--saude=${saude}`, ...args]);
    assertEquals(erros, "");
    return { saude, ...resultado };
  } finally {
    await Promise.all(portas.map((porta) => porta[Symbol.asyncDispose]()));
  }
}

/** De `estado`, a última coluna de cada servidor, o resto das linhas, e o código. */
async function situacoes(...respostas: Json[]) {
  const { linhas, codigo } = await estado(respostas.map((um) => um ? saudeDe(um) : ninguem()));
  const coluna = linhas[0]!.indexOf("situação");
  const n = respostas.length + 1;
  return [...linhas.slice(1, n).map((linha) => linha.slice(coluna)), ...linhas.slice(n), codigo];
}

const ACEITOS = ["PUTs: aceitos", 0];

Deno.test("estado mostra os servidores numa tabela alinhada, e sai com 0 se os PUTs são aceitos", async () => {
  const longe = { ...SEGUIDOR, servidor: "[fd00:1:2::33]:10097", timestamp: 1_000_000, keys: 12 };
  const { linhas, codigo } = await estado([LIDER, SEGUIDOR, longe].map(saudeDe));
  assertEquals(linhas, [
    "servidor              papel     pronto  timestamp  confirmado  keys  versão  situação",
    "10.0.0.1:10097        líder     sim             7           7     3  0.2.0   em dia",
    "10.0.0.2:10097        seguidor  sim             7           7     3  0.2.0   em dia",
    "[fd00:1:2::33]:10097  seguidor  sim       1000000           7    12  0.2.0   em dia",
    "PUTs: aceitos",
  ]);
  assertEquals(codigo, 0);
});

Deno.test("estado com um servidor caído: diz quem falta e há quanto, quem não respondeu, e sai com 1", async () => {
  const motivo = `falta ${C}`;
  const lider = { ...LIDER, aceitaPuts: false, motivo, emDia: [B], faltam: [faltar(C, 12)] };
  const seguidor = { ...SEGUIDOR, aceitaPuts: false };
  const { linhas, codigo, saude } = await estado([saudeDe(lider), saudeDe(seguidor), ninguem()]);
  const larga = `${saude[2]} (saúde)`;
  assertEquals(linhas, [
    `${
      "servidor".padEnd(larga.length)
    }  papel     pronto  timestamp  confirmado  keys  versão  situação`,
    `${
      A!.padEnd(larga.length)
    }  líder     sim             7           7     3  0.2.0   falta ${C} há 12 s`,
    `${B!.padEnd(larga.length)}  seguidor  sim             7           7     3  0.2.0   em dia`,
    `${larga}  -         -               -           -     -  -       sem resposta: conexão recusada`,
    `PUTs: não aceitos: ${motivo}`,
  ]);
  assertEquals(codigo, 1);
});

Deno.test("estado diz em palavras o que falta a cada um", async () => {
  const unico = { ...LIDER, papel: "unico", emDia: [], replicas: 0 };
  assertEquals(await situacoes(unico), ["em dia", ...ACEITOS]);

  const espera = { ...LIDER, aceitaPuts: false, motivo: "à espera de 2", emDia: [] };
  const falta = { ...espera, faltam: [faltar(B, 200), faltar(C, 3)] };
  assertEquals((await situacoes(falta))[0], `falta ${B} há 3 min, falta ${C} há 3 s`);
  assertEquals(await situacoes({ ...espera, entrando: [B], porVir: 1 }), [
    `${B} a entrar, 1 por vir`,
    "PUTs: não aceitos: à espera de 2",
    1,
  ]);

  const cheio = { ...LIDER, aceitaPuts: false, motivo: "o disco está cheio" };
  const carrega = {
    ...SEGUIDOR,
    pronto: false,
    papel: "",
    emDia: [],
    epoca: "",
    motivo: "carrega",
  };
  const orfao = {
    ...SEGUIDOR,
    pronto: false,
    emDia: [],
    faltam: [faltar(A, 5)],
    motivo: "sozinho",
  };
  const atrasado = { ...SEGUIDOR, emDia: [] };
  assertEquals(await situacoes(cheio, carrega, orfao, atrasado), [
    "o disco está cheio",
    "carrega",
    `falta ${A} há 5 s, sozinho`,
    "não está em dia",
    "PUTs: não aceitos: o disco está cheio",
    1,
  ]);
});

Deno.test("estado: um líder, e um só, tem de dizer que aceita PUTs; os outros só se mostram", async () => {
  const mudo = "sem resposta: conexão recusada";
  assertEquals(await situacoes(LIDER, null, SEGUIDOR), ["em dia", mudo, "em dia", ...ACEITOS]);
  const calado = { ...LIDER, aceitaPuts: false, pronto: false };
  assertEquals(await situacoes(calado, SEGUIDOR), [
    "não está em dia",
    "em dia",
    `PUTs: não aceitos: ${A} não diz por quê`,
    1,
  ]);
  const semLider = "PUTs: não aceitos: nenhum dos que responderam é o líder";
  assertEquals(await situacoes(null, SEGUIDOR), [mudo, "em dia", semLider, 1]);
  assertEquals(await situacoes(null), [mudo, "PUTs: não aceitos: nenhum servidor respondeu", 1]);
});

Deno.test("estado avisa de dois líderes, de histórias e de versões diferentes", async () => {
  const outro = { ...LIDER, servidor: C, lider: C, epoca: "00000001" };
  const varios = [
    `Aviso: 2 servidores dizem que são o líder: ${A}, ${C}`,
    `Aviso: os servidores não têm todos o mesmo líder: ${A} (${A}, ${B}); ${C} (${C})`,
    `Aviso: servidores em dia têm histórias diferentes: 9f0c12ab (${A}, ${B}); 00000001 (${C})`,
  ];
  assertEquals((await situacoes(LIDER, SEGUIDOR, outro)).slice(3), [
    "PUTs: não aceitos: 2 servidores dizem, cada um, que é o líder e que os aceita",
    ...varios,
    1,
  ]);
  // Com um deles parado, os PUTs do outro são aceitos, e o aviso fica.
  const parado = { ...outro, aceitaPuts: false, motivo: "perdeu os seguidores" };
  assertEquals((await situacoes(LIDER, SEGUIDOR, parado)).slice(3), [
    "PUTs: aceitos",
    ...varios,
    0,
  ]);
});

Deno.test("estado só avisa do que é diferente entre quem o sabe: história vazia ou por pôr em dia não conta", async () => {
  const entra = { ...SEGUIDOR, servidor: C, emDia: [], epoca: "00000001" };
  const vazio = { ...SEGUIDOR, epoca: "", lider: "" };
  assertEquals((await situacoes(LIDER, vazio, entra)).slice(3), ACEITOS);
  const novo = { ...SEGUIDOR, versao: "0.3.0" };
  assertEquals((await situacoes(LIDER, novo)).slice(2), [
    "PUTs: aceitos",
    `Aviso: os servidores não têm todos a mesma versão: 0.2.0 (${A}); 0.3.0 (${B})`,
    0,
  ]);
});

Deno.test("estado --json é uma linha: o que cada porta de saúde respondeu, ou o erro, e os avisos", async () => {
  const novo = { ...SEGUIDOR, versao: "0.3.0", futuro: true, saude: "x", erro: "y" };
  const portas = [saudeDe(LIDER), saudeDe(novo), ninguem()];
  const { linhas, codigo, saude } = await estado(portas, "--json");
  assertEquals([linhas.length, codigo], [1, 0]);
  assertEquals(JSON.parse(linhas[0]!), {
    aceitaPuts: true,
    avisos: [`os servidores não têm todos a mesma versão: 0.2.0 (${A}); 0.3.0 (${B})`],
    servidores: [
      { saude: saude[0], ...LIDER },
      { saude: saude[1], ...SEGUIDOR, versao: "0.3.0" },
      { saude: saude[2], erro: "sem resposta: conexão recusada" },
    ],
  });
  const nenhum = await estado([ninguem()], "--json");
  assertMatch(nenhum.linhas[0]!, /^\{"aceitaPuts":false,"avisos":\[\],"servidores":\[\{"saude":/);
  assertEquals(nenhum.codigo, 1);
});

Deno.test("estado não confia em quem responde: o que não serve é uma frase, e no prazo", async () => {
  const { faltam: _, ...semFaltam } = LIDER;
  const { replicas: _r, entrando: _e, porVir: _p, ...soDeSeguidor } = SEGUIDOR;
  const inesperada = "resposta inesperada: ";
  const casos: [HttpFalso, string][] = [
    [servirHttp(() => new Response("nada", { status: 404 })), `${inesperada}HTTP 404`],
    [servirHttp(() => new Response("lixo")), `${inesperada}não é JSON: "lixo"`],
    [saudeDe([]), `${inesperada}a resposta devia ser um objeto: []`],
    [saudeDe(semFaltam), `${inesperada}faltam devia ser uma lista de até 64 itens: nada`],
    [
      saudeDe({ ...LIDER, papel: "rei" }),
      `${inesperada}papel devia ser um de "lider", "seguidor", "unico", "": "rei"`,
    ],
    [saudeDe({ ...LIDER, keys: -1 }), `${inesperada}keys devia ser um inteiro de 0 ou mais: -1`],
    [
      saudeDe({ ...LIDER, motivo: "x".repeat(70_000) }),
      `${inesperada}comprida demais, o limite é 65536`,
    ],
    [servirHttp(() => new Response(semFim())), "sem resposta em 3000 ms"],
    [servirBytes(), "sem resposta em 3000 ms"],
    [servirBytes('{"tipo":"ERRO"}\n'), "sem resposta: o outro lado não fala HTTP"],
    [saudeDe(soDeSeguidor), ""],
  ];
  const portas = casos.map(([porta]) => porta);
  const { linhas, codigo } = await estado(portas, "--json", "--prazo=3000");
  const { servidores } = JSON.parse(linhas[0]!);
  assertEquals(servidores.map(({ erro }: Json) => erro ?? ""), casos.map(([, erro]) => erro));
  assertEquals(codigo, 1);
});

Deno.test("estado deixa à vista o que mandaria no terminal, em todos os campos", async () => {
  const mau = "\x1b[2J\r\nPUTs: aceitos\u202e\x9b";
  const textos = { servidor: mau, lider: mau, motivo: mau, versao: mau, epoca: mau };
  const hostil = {
    ...LIDER,
    ...textos,
    aceitaPuts: false,
    entrando: [mau],
    faltam: [faltar(mau, 1)],
  };
  const outro = {
    ...hostil,
    lider: "\x1b]0;",
    versao: "\x07",
    epoca: "\x1b[",
    faltam: [],
    entrando: [],
  };
  const lixo = () => servirHttp(() => new Response(mau));
  for (const args of [[], ["--json"]]) {
    const { linhas } = await estado([saudeDe(hostil), saudeDe(outro), lixo()], ...args);
    // A dos títulos, três servidores, a dos PUTs, quatro avisos; ou o JSON.
    assertEquals(linhas.length, args.length === 0 ? 9 : 1, linhas.join("\n"));
    assert(!/[\p{Cc}\u202a-\u202e]/u.test(linhas.join("")), linhas.join("\n"));
    assert(!linhas.includes("PUTs: aceitos"));
  }
});

Deno.test("estado vai direto às portas de saúde, diga o ambiente que proxy disser", async () => {
  let pedidos = 0;
  await using proxy = servirHttp(() => new Response(`${++pedidos}`));
  await using saude = saudeDe(LIDER);
  const url = `http://127.0.0.1:${proxy.onde.porta}`;
  const env = { HTTP_PROXY: url, NO_PROXY: "" };
  const { codigo } = await rodar(["estado", `--saude=${textoDoEndereco(saude.onde)}`], env);
  assertEquals([codigo, pedidos], [0, 0]);
});

Deno.test("estado mal usado: uma linha que diz por quê, saída 2", async () => {
  const saude = `--saude=127.0.0.1:${portasLivres(1)}`;
  const casos: [string[], RegExp][] = [
    [["estado"], /^ERRO: Uso: estado --saude=/],
    [["estado", "--saude"], /^ERRO: A opção --saude precisa de um valor/],
    [["estado", "--saude=10.0.0.1"], /^ERRO: --saude: Endereço inválido: "10.0.0.1"/],
    [["estado", saude, "tudo"], /^ERRO: Uso: estado --saude=/],
    [["estado", saude, "--servidores=127.0.0.1:1"], /^ERRO: --servidores não vale com estado/],
    [["estado", saude, "--segredo=s.txt"], /^ERRO: --segredo não vale com estado/],
    [[saude], /^ERRO: --saude só vale com estado/],
    [[saude, "get", "k"], /^ERRO: --saude só vale com estado/],
    [["--json"], /^ERRO: --json só vale com put, get ou estado/],
  ];
  await Promise.all(casos.map(async ([args, erro]) => {
    const { codigo, linhas, erros } = await rodar(args);
    assertEquals([codigo, linhas], [2, []], args.join(" "));
    assertMatch(erros, erro);
    assertEquals(erros.split("\n").length, 2, erros);
  }));
});
