import { assert, assertEquals, assertMatch } from "@std/assert";
import { argumentosDoServidor, atendendo, Fio, MAPA, portasLivres, Programa } from "./apoio.ts";
import { VERSAO } from "../mensagem.ts";

/** Um servidor só, num processo de verdade. */
async function iniciarUmPrograma(args: string[] = []) {
  const [porta] = portasLivres(1);
  const servidor = new Programa(
    "servidor",
    argumentosDoServidor(porta!, porta!, ["--replicas=0", ...args]),
  );
  await atendendo(`127.0.0.1:${porta}`);
  return { servidor, endereco: `127.0.0.1:${porta}`, porta: porta! };
}

/** Roda o cliente até o fim. */
async function rodar(
  nome: "servidor" | "cliente",
  args: string[],
  entrada = "",
): Promise<{ codigo: number; saida: string; erros: string }> {
  await using programa = new Programa(nome, args);
  await programa.digitar(entrada);
  await programa.acabarEntrada();
  const codigo = await programa.codigo();
  return { codigo, saida: programa.saida, erros: programa.erros };
}

const linhasDe = (texto: string) => texto.split("\n").slice(0, -1);

// --- Servidor ----------------------------------------------------------------

Deno.test("servidor pergunta IP, porta e líder, e as respostas valem (LF e CRLF)", async () => {
  for (const fim of ["\n", "\r\n"]) {
    const [porta] = portasLivres(1);
    await using servidor = new Programa("servidor", ["--replicas=0"]);
    await servidor.digitar(["127.0.0.1", porta, "", porta].join(fim) + fim);
    await atendendo(`127.0.0.1:${porta}`);
    await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
    assertEquals((await fio.pedir({ tipo: "PUT", id: 1, key: "é", value: "ü" })).tipo, "PUT_OK");
    await servidor.linha(`Enviando PUT_OK ao Cliente ${fio.endereco} da key:é ts:1`);
    assertEquals(linhasDe(servidor.saida), [
      "IP deste servidor [127.0.0.1]:",
      "Porta deste servidor [10097]:",
      "IP do líder [127.0.0.1]:",
      "Porta do líder [10097]:",
      `Cliente ${fio.endereco} PUT key:é value:ü`,
      `Enviando PUT_OK ao Cliente ${fio.endereco} da key:é ts:1`,
    ]);
    const onde = `127.0.0.1:${porta}`;
    assertEquals(servidor.avisos, `Pronto: servidor único em ${onde}, com 0 keys; aceita PUTs\n`);
  }
});

Deno.test("servidor diz o que há de errado numa resposta e pergunta de novo", async () => {
  const [porta] = portasLivres(1);
  await using servidor = new Programa("servidor", ["--replicas=0"]);
  const respostas = ["300.1.1.1", "", "0", "abc", porta, "nenhum", "127.0.0.1", "99999", porta];
  await servidor.digitar(respostas.join("\n") + "\n");
  await atendendo(`127.0.0.1:${porta}`);
  assertEquals(linhasDe(servidor.avisos).filter((linha) => !linha.startsWith("Pronto")), [
    'ERRO: IP inválido: "300.1.1.1"; exemplo: 127.0.0.1',
    'ERRO: Porta inválida: "0"; deve ser um número de 1 a 65535',
    'ERRO: Porta inválida: "abc"; deve ser um número de 1 a 65535',
    'ERRO: IP inválido: "nenhum"; exemplo: 127.0.0.1',
    'ERRO: Porta inválida: "99999"; deve ser um número de 1 a 65535',
  ]);
  assertEquals(linhasDe(servidor.saida).filter((linha) => linha.startsWith("Porta")).length, 5);
});

Deno.test("servidor cuja entrada acaba antes da última resposta: uma linha em stderr, saída 1", async () => {
  for (const respostas of ["", "\n", "\n\n", "\n\n\n", "127.0.0.1\n10097"]) {
    const { codigo, erros } = await rodar("servidor", [], respostas);
    assertEquals(codigo, 1);
    assertEquals(erros, "ERRO: a entrada acabou antes da última resposta\n");
  }
});

Deno.test("servidor com a porta ocupada: uma linha clara em stderr, saída 1", async () => {
  const { servidor, porta, endereco } = await iniciarUmPrograma();
  await using _servidor = servidor;
  const { codigo, saida, erros } = await rodar("servidor", argumentosDoServidor(porta, porta));
  assertEquals([codigo, saida], [1, ""]);
  assertEquals(erros, `ERRO: Não é possível atender em ${endereco}: endereço já em uso\n`);
});

Deno.test("servidor recusa opções erradas: uma linha que diz qual, saída 2", async () => {
  const errados = [
    "--porta=0",
    "--porta=abc",
    "--porta",
    "--ip=casa",
    "--lider=127.0.0.1",
    "--lider=127.0.0.1:0",
    "--replicas=-1",
    "--replicas=dois",
    "--atraso=1.5",
    "--prazo=0",
    "--prazo=99999999999",
    "--silencioso=talvez",
    "--portas=1",
    "-x",
    "sobrando",
  ];
  for (const errado of errados) {
    const { codigo, saida, erros } = await rodar("servidor", [errado]);
    assertEquals([codigo, saida], [2, ""], errado);
    assertEquals(linhasDe(erros).length, 1, erros);
    assert(erros.includes(errado.split("=")[0]!), erros);
  }
});

Deno.test("servidor e cliente dizem a versão, e a ajuda cabe numa tela", async () => {
  for (const nome of ["servidor", "cliente"] as const) {
    for (const opcao of ["--versao", "--version"]) {
      assertEquals((await rodar(nome, [opcao])).saida, `${nome} ${VERSAO}\n`);
    }
    for (const opcao of ["--ajuda", "--help", "-h"]) {
      const { codigo, saida, erros } = await rodar(nome, [opcao]);
      assertEquals([codigo, erros], [0, ""]);
      const linhas = linhasDe(saida);
      assert(linhas.length <= 24, `${nome} ${opcao}: ${linhas.length} linhas, o limite é 24`);
      const largas = linhas.flatMap((linha, n) =>
        linha.length > 80 ? [`${nome} ${opcao}, linha ${n + 1}, ${linha.length}: ${linha}`] : []
      );
      const tortas = linhas.filter((linha) => {
        const antes = /^( {2}-\S+(?: -\S+)* +| {10,})\S/.exec(linha)?.[1];
        return antes !== undefined && antes.length !== 24;
      });
      assertEquals(tortas, [], "descrições fora da coluna 24");
      assertEquals(largas, [], "linhas com mais de 80 colunas");
    }
  }
});

Deno.test("servidor --silencioso atende sem mostrar os pedidos", async () => {
  const { servidor, endereco } = await iniciarUmPrograma(["--silencioso"]);
  await using _servidor = servidor;
  await using fio = await Fio.abrir(endereco);
  await fio.pedir({ tipo: "PUT", id: 1, key: "k", value: "v" });
  await fio.pedir({ tipo: "GET", id: 2, key: "k" });
  assertEquals([servidor.saida, linhasDe(servidor.erros).length], ["", 1]);
});

Deno.test("cliente com a saída num disco cheio: o pedido é feito, e stderr diz que não se vê", async () => {
  const { servidor, endereco } = await iniciarUmPrograma();
  await using _servidor = servidor;
  const programa = `
    Deno.stdout.write = () => Promise.reject(new Error("o disco está cheio"));
    const { Cliente } = await import(${
    JSON.stringify(new URL("../cliente.ts", import.meta.url).href)
  });
    Deno.exit(await Cliente.main(["--servidores=${endereco}", "put", "k", "v"]));`;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "-q", ...MAPA, programa],
  }).output();
  const texto = new TextDecoder().decode(stderr);
  assertEquals([code, texto], [
    0,
    "Aviso: as linhas não podem ser mostradas: o disco está cheio\n",
  ]);
  await servidor.linha(/^Enviando PUT_OK ao Cliente /);
});

// --- Cliente -----------------------------------------------------------------

Deno.test("cliente: uma sessão inteira no teclado, por pipe, com LF e CRLF", async () => {
  const { servidor, endereco, porta } = await iniciarUmPrograma();
  await using _servidor = servidor;
  for (const [n, fim] of ["\n", "\r\n"].entries()) {
    const init = ["", porta, "127.0.0.1", porta, "localhost", porta];
    const entrada = [
      "init",
      ...init,
      "PUT",
      `k${n}`,
      'olá "você" 😀',
      "3",
      `k${n}`,
      " Get ",
      "nada",
    ];
    const { codigo, saida, erros } = await rodar("cliente", [], entrada.join(fim) + fim);
    assertEquals([codigo, erros], [0, ""]);
    const linhas = linhasDe(saida);
    assertEquals(linhas.slice(0, 8), [
      "Menu: 1) INIT  2) PUT  3) GET",
      "Opção:",
      "IP do servidor 1 [127.0.0.1]:",
      "Porta do servidor 1 [10097]:",
      "IP do servidor 2 [127.0.0.1]:",
      "Porta do servidor 2 [10098]:",
      "IP do servidor 3 [127.0.0.1]:",
      "Porta do servidor 3 [10099]:",
    ]);
    const ts = n + 1;
    assertEquals(linhas.filter((linha) => /^(PUT_OK|GET) /.test(linha)), [
      `PUT_OK key: k${n} value olá "você" 😀 timestamp ${ts} realizada no servidor ${endereco}`,
      `GET key: k${n} value: olá "você" 😀 obtido do servidor ${endereco}, meu timestamp ${ts} e do servidor ${ts}`,
      `GET key: nada value: NULL obtido do servidor ${endereco}, meu timestamp 0 e do servidor 0`,
    ]);
    // O resultado aparece antes de o menu voltar.
    const put = linhas.findIndex((linha) => linha.startsWith("PUT_OK"));
    assertEquals(linhas.slice(put - 2, put + 2).map((linha) => linha.split(" ")[0]), [
      "key:",
      "value:",
      "PUT_OK",
      "Menu:",
    ]);
  }
});

Deno.test("cliente por pipe: só LF e CRLF acabam uma linha; CR, U+2028 e U+2029 são do value", async () => {
  const { servidor, endereco } = await iniciarUmPrograma();
  await using _servidor = servidor;
  const args = [`--servidores=${endereco},${endereco},${endereco}`];
  const { saida, erros } = await rodar("cliente", args, "put\nk\na\rb\u2028c\u2029d\nget\nk\n");
  assertEquals(erros, "");
  assert(saida.includes(`GET key: k value: a\\rb\\u2028c\\u2029d obtido`), saida);
});

Deno.test("cliente: o que falha é uma linha ERRO: em stderr, e o menu volta", async () => {
  const portas = portasLivres(3);
  const init = ["abc", "", portas[0], "", "70000", portas[1], "", portas[2]];
  const entrada = ["put", "get", "sair", "", ...["1", ...init], "2", "", "3", "", "2", "k", "v"];
  const { codigo, saida, erros } = await rodar("cliente", [], entrada.join("\n") + "\n");
  assertEquals(codigo, 0);
  const linhas = linhasDe(erros);
  assertEquals(linhas.slice(0, 8), [
    "ERRO: faça INIT antes de PUT",
    "ERRO: faça INIT antes de GET",
    'ERRO: opção inválida: "sair"; escolha INIT, PUT ou GET (Ctrl-D sai)',
    'ERRO: opção inválida: ""; escolha INIT, PUT ou GET (Ctrl-D sai)',
    'ERRO: IP inválido: "abc"; exemplo: 127.0.0.1',
    'ERRO: Porta inválida: "70000"; deve ser um número de 1 a 65535',
    "ERRO: key não pode ser vazia",
    "ERRO: key não pode ser vazia",
  ]);
  assertMatch(
    linhas[8]!,
    /^ERRO: Nenhum servidor pôde ser alcançado: 127.0.0.1:\d+: conexão recusada \(o PUT não aconteceu\)$/,
  );
  assertEquals(linhas.length, 9);
  assertEquals(linhasDe(saida).filter((linha) => linha.startsWith("Menu")).length, 9);
});

Deno.test("cliente sai com 0 onde quer que a entrada acabe", async () => {
  const { servidor, porta } = await iniciarUmPrograma();
  await using _servidor = servidor;
  const completa = ["INIT", "", porta, "", porta, "", porta, "PUT", "k", "v", "GET", "k"];
  for (let n = 0; n <= completa.length; n++) {
    const { codigo, erros } = await rodar("cliente", [], completa.slice(0, n).join("\n"));
    assertEquals([codigo, erros], [0, ""], `acabou depois de ${n} respostas`);
  }
});

Deno.test("cliente put e get: a linha do enunciado, ou a resposta em JSON, e o código", async () => {
  const { servidor, endereco } = await iniciarUmPrograma();
  await using _servidor = servidor;
  const servidores = `--servidores=${endereco},${endereco},${endereco}`;
  const casos: [string[], number, string][] = [
    [
      ["put", "k", "a\nb"],
      0,
      `PUT_OK key: k value a\\nb timestamp 1 realizada no servidor ${endereco}`,
    ],
    [
      ["get", "k"],
      0,
      `GET key: k value: a\\nb obtido do servidor ${endereco}, meu timestamp 0 e do servidor 1`,
    ],
    [["--json", "put", "007", "1e3"], 0, '{"tipo":"PUT_OK","id":1,"key":"007","timestamp":2}'],
    [
      ["get", "007", "--json"],
      0,
      '{"tipo":"GET_OK","id":1,"key":"007","value":"1e3","timestamp":2}',
    ],
    [
      ["get", "nada", "--json"],
      0,
      '{"tipo":"GET_OK","id":1,"key":"nada","value":null,"timestamp":0}',
    ],
    [
      ["put", "--", "-k", "--v"],
      0,
      `PUT_OK key: -k value --v timestamp 3 realizada no servidor ${endereco}`,
    ],
    [
      ["put", "ajuda=x", "json=1", "--json"],
      0,
      '{"tipo":"PUT_OK","id":1,"key":"ajuda=x","timestamp":4}',
    ],
  ];
  for (const [args, codigo, saida] of casos) {
    assertEquals(await rodar("cliente", [servidores, ...args]), {
      codigo,
      saida: saida + "\n",
      erros: "",
    });
  }
});

Deno.test("cliente put e get: 1 se falha, 2 se o uso é errado, e uma linha que diz por quê", async () => {
  const [porta] = portasLivres(1);
  const servidores = `--servidores=127.0.0.1:${porta}`;
  const casos: [string[], number, RegExp][] = [
    [[servidores, "get", "k"], 1, /^ERRO: Nenhum servidor/],
    [[servidores, "put", "", "v"], 1, /^ERRO: .*key não pode ser vazia/],
    [[servidores, "put", "k"], 2, /^ERRO: Uso: put KEY VALUE/],
    [[servidores, "get"], 2, /^ERRO: Uso: get KEY/],
    [[servidores, "get", "a", "b"], 2, /^ERRO: Uso: get KEY/],
    [[servidores, "del", "a"], 2, /^ERRO: Comando desconhecido: "del"/],
    [[servidores, "put", "saldo", "-5"], 2, /^ERRO: Opção desconhecida: "-5".*"--"$/],
    [[servidores, "--json"], 2, /^ERRO: --json/],
    [["--servidores=1.2.3.4", "get", "k"], 2, /^ERRO: --servidores: Endereço inválido: "1.2.3.4"/],
    [["--servidores", "get", "k"], 2, /^ERRO: --servidores/],
    [[servidores, "--prazo=nunca", "get", "k"], 2, /^ERRO: --prazo/],
  ];
  for (const [args, codigo, erro] of casos) {
    const resultado = await rodar("cliente", args);
    assertEquals([resultado.codigo, resultado.saida], [codigo, ""], args.join(" "));
    assertEquals(linhasDe(resultado.erros).length, 1, resultado.erros);
    assertMatch(linhasDe(resultado.erros)[0]!, erro);
  }
});

Deno.test("cliente --json diz sempre o que aconteceu, também quando ninguém respondeu", async () => {
  const [porta] = portasLivres(1);
  const casos: [string[], number, string | RegExp][] = [
    [
      ["put", "", "v"],
      1,
      '{"tipo":"ERRO","erro":"Mensagem recusada: key não pode ser vazia","definitivo":true}',
    ],
    [["get", "k"], 1, /^\{"tipo":"ERRO","erro":"Nenhum servidor .*","definitivo":true\}$/],
    [["put", "k", "v"], 1, /^\{"tipo":"ERRO","erro":"Nenhum servidor .*","definitivo":true\}$/],
  ];
  for (const [args, codigo, json] of casos) {
    const servidores = `--servidores=127.0.0.1:${porta}`;
    const resultado = await rodar("cliente", [servidores, "--json", ...args]);
    assertEquals([resultado.codigo, linhasDe(resultado.saida).length], [codigo, 1], args.join(" "));
    if (typeof json === "string") assertEquals(linhasDe(resultado.saida)[0], json);
    else assertMatch(linhasDe(resultado.saida)[0]!, json);
    assertMatch(resultado.erros, /^ERRO: .*\n$/);
  }
});

Deno.test("cliente put sai com 3, e o JSON o diz, se o PUT pode ter acontecido", async () => {
  using mudo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const aceitas = (async () => {
    for await (const conn of mudo) {
      await conn.read(new Uint8Array(1024));
      conn.close();
      return;
    }
  })();
  const servidores = `--servidores=127.0.0.1:${mudo.addr.port}`;
  const { codigo, saida, erros } = await rodar("cliente", [servidores, "--json", "put", "k", "v"]);
  await aceitas;
  assertEquals(codigo, 3);
  assertEquals(JSON.parse(saida).definitivo, false);
  assertMatch(erros, /o PUT pode ter acontecido/);
});

Deno.test("cliente put KEY - lê o value da entrada, como vem; depois de -- é só um traço", async () => {
  const { servidor, endereco } = await iniciarUmPrograma();
  await using _servidor = servidor;
  const servidores = `--servidores=${endereco}`;
  const longo = "linha 1\nlinha 2 é 😀\n" + "x".repeat(300_000);
  assertEquals((await rodar("cliente", [servidores, "put", "a", "-"], longo)).codigo, 0);
  assertEquals((await rodar("cliente", [servidores, "put", "--", "b", "-"], "outro")).codigo, 0);
  await using fio = await Fio.abrir(endereco);
  assertEquals((await fio.pedir({ tipo: "GET", id: 1, key: "a" })).value, longo);
  assertEquals((await fio.pedir({ tipo: "GET", id: 2, key: "b" })).value, "-");
  const demais = await rodar("cliente", [servidores, "put", "c", "-"], "x".repeat(1_100_000));
  assertEquals(demais.codigo, 1);
  assertMatch(demais.erros, /^ERRO: Entrada recusada: .* \(o PUT não aconteceu\)\n$/);
});

Deno.test("cliente --servidores sem comando: o menu, com INIT já feito", async () => {
  const { servidor, endereco } = await iniciarUmPrograma();
  await using _servidor = servidor;
  const args = [`--servidores=${endereco},${endereco},${endereco}`];
  const { saida } = await rodar("cliente", args, "2\nk\nv\n");
  assert(saida.includes(`\nPUT_OK key: k value v timestamp 1 realizada no servidor ${endereco}\n`));
});
