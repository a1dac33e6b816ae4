/**
 * O cliente: a console com INIT, PUT e GET do enunciado (seção 4), os mesmos
 * pedidos e o estado dos servidores pela linha de comando, e uma classe para
 * outros programas.
 *
 * ```ts
 * import { Cliente } from "./cliente.ts";
 * import { Servidor } from "./servidor.ts";
 *
 * await using servidor = await Servidor.iniciar({ porta: 0, replicas: 0 });
 * await using cliente = new Cliente([servidor.endereco]);
 * await cliente.put("cor", "azul");
 * const resposta = await cliente.get("cor");
 * if (resposta.tipo !== "GET_OK" || resposta.value !== "azul") throw new Error("não voltou igual");
 * ```
 *
 * Na ordem: a classe, com PUT e GET, a escolha do servidor e a console; o estado dos
 * servidores; e as opções da linha de comando.
 *
 * @module
 */

import { type Endereco, lerEndereco, lerIp, lerPorta, textoDoEndereco } from "./lib/endereco.ts";
import {
  inteiro,
  type Leitor,
  lista,
  objeto,
  opcional,
  simOuNao,
  texto,
  umDe,
} from "./lib/forma.ts";
import { pedirJson } from "./lib/http.ts";
import { type Argumentos, inteiroEntre, lerArgumentos, lerOpcao } from "./lib/opcoes.ts";
import { type Certeza, type Elo, falha, falhaDefinitiva } from "./lib/pedidos.ts";
import { abrirRastro, type Rastro } from "./lib/rastro.ts";
import { lerSeguranca, OPCOES_DE_QUEM_DISCA, type Seguranca } from "./lib/seguranca.ts";
import { fazerTabela } from "./lib/tabela.ts";
import {
  abrirTeclado,
  FIM_DO_TECLADO,
  lerEntrada,
  perguntarAte,
  type Teclado,
} from "./lib/teclado.ts";
import { abrirTela, type Tela } from "./lib/tela.ts";
import { ESPERA_MS_MAX, esperaDaTentativa, esperar } from "./lib/tempo.ts";
import {
  bytesEmUtf8,
  citar,
  jsonVisivel,
  noLimite,
  textoDaDuracao,
  textoDoErro,
  visivel,
} from "./lib/texto.ts";
import {
  CAMPOS_SECRETOS,
  type Corpo,
  type CorpoDe,
  discar,
  type EstadoDoServidor,
  LINHA_BYTES_MAX,
  Mensagem,
  MUNDO,
  type Mundo,
  VERSAO,
} from "./mensagem.ts";

// === Limites =================================================================

/** Espera máxima padrão por uma resposta, em milissegundos; depois, falha. */
const PRAZO_MS = 10_000;

/** Primeira e maior espera antes de repetir um pedido, em milissegundos; dobra a cada vez. */
const REPETIR_MS = { primeira: 10, maior: 500 } as const;

/** Bytes da resposta de uma porta de saúde; além, é recusada. */
const SAUDE_BYTES_MAX = 64 * 1024;

/** Endereços padrão dos três servidores (seções 4a e 5a do enunciado). */
const ENDERECOS_PADRAO: readonly Endereco[] = [10097, 10098, 10099].map(
  (porta) => ({ ip: "127.0.0.1", porta }),
);

// === Tipos públicos ==========================================================

/** Opções de um {@linkcode Cliente}. */
export interface OpcoesDoCliente {
  /** Espera máxima por pedido, em milissegundos (10000). */
  prazo?: number;
  /**
   * Se, até o prazo, o pedido recomeça em outro servidor depois de um
   * TRY_OTHER_SERVER_OR_LATER, ou quando nenhum pôde ser alcançado (`true`; na
   * console é `false`, para que se veja o que cada servidor respondeu).
   */
  repetir?: boolean;
  /** Como os servidores provam quem são e se protege o que viaja (nada). */
  seguranca?: Seguranca;
  /** Anota cada mensagem; ver {@linkcode abrirRastro} (nada). */
  rastro?: Rastro | undefined;
}

/** O PUT_OK, e de que servidor: o endereço é o que o cliente escolheu. */
export interface RespostaDoPut extends CorpoDe<"PUT_OK"> {
  /** `IP:PORTA`. */
  readonly servidor: string;
}

/** O que uma resposta a um GET diz de quem perguntou e de quem respondeu. */
interface DoGet {
  /** O servidor que respondeu, `IP:PORTA`. */
  readonly servidor: string;
  /** O timestamp que este cliente enviou com o GET. */
  readonly meuTimestamp: number;
}

/** Um GET respondido: o value é `null`, e o timestamp zero, se a key não existe. */
export interface GetRespondido extends CorpoDe<"GET_OK">, DoGet {}

/** Um GET a que nenhum servidor pôde responder a tempo: nenhum tinha ainda o que este cliente viu. */
export interface GetRecusado extends CorpoDe<"TRY_OTHER_SERVER_OR_LATER">, DoGet {}

/** A resposta de um GET; `tipo` diz qual das duas, e só uma tem value. */
export type RespostaDoGet = GetRespondido | GetRecusado;

/** O `cause` dos erros de um pedido. */
export interface CausaDaFalha extends Certeza {
  /** O ERRO do servidor, quando foi ele que recusou. */
  readonly resposta?: CorpoDe<"ERRO">;
}

// === A classe Cliente ========================================================

/** Um cliente do sistema: seus timestamps, um por key, e um elo com cada servidor. */
export class Cliente {
  /** Os servidores; o cliente não sabe, nem deve saber, qual é o líder. */
  readonly #servidores: readonly Ligacao[];
  /** O maior timestamp que este cliente já viu de cada key; zero se nunca viu (seção 4). */
  readonly #timestamps = new Map<string, number>();
  /** Quantas vezes algum deles mudou. */
  #vistos = 0;
  readonly #prazo: number;
  readonly #repetir: boolean;
  readonly #aoDiscar: { seguranca: Seguranca | undefined; rastro: Rastro | undefined };
  readonly #mundo: Mundo;
  #fechado = false;

  /**
   * Prepara um cliente; nada é enviado até o primeiro pedido.
   *
   * @param servidores Um ou mais, como `"IP:PORTA"` ou {@linkcode Endereco}.
   * @param mundo De onde vêm a rede, o relógio e o acaso (os verdadeiros).
   * @throws {TypeError | RangeError} se um endereço não é válido ou não há nenhum.
   */
  constructor(
    servidores: readonly (string | Endereco)[],
    opcoes: OpcoesDoCliente = {},
    mundo: Mundo = MUNDO,
  ) {
    if (servidores.length === 0) throw new TypeError("Cliente sem servidores: informe ao menos um");
    this.#servidores = servidores.map((servidor) => {
      const endereco = typeof servidor === "string" ? lerEndereco(servidor) : servidor;
      return { endereco, nome: textoDoEndereco(endereco), elo: undefined, discando: undefined };
    });
    this.#prazo = opcoes.prazo ?? PRAZO_MS;
    this.#repetir = opcoes.repetir ?? true;
    this.#aoDiscar = { seguranca: opcoes.seguranca, rastro: opcoes.rastro };
    this.#mundo = mundo;
  }

  /**
   * Seção 4b. Envia o PUT a um servidor sorteado e espera o PUT_OK com o
   * timestamp: nesse momento todos os servidores têm este value ou um mais novo.
   *
   * @throws {TypeError | RangeError} se key ou value não podem ser enviados.
   * @throws {Error} se não houve PUT_OK; o `cause` é {@linkcode CausaDaFalha}. Um
   * PUT que pode ter chegado a um servidor nunca é repetido.
   */
  async put(key: string, value: string): Promise<RespostaDoPut> {
    const pedido = validar({ tipo: "PUT", key, value });
    const agora = this.#mundo.agora();
    const { resposta, servidor } = await this.#pedir(pedido, agora + this.#prazo, agora);
    if (resposta.tipo !== "PUT_OK") throw inesperada(resposta, servidor);
    this.#ver(key, Math.max(this.#timestamp(key), resposta.timestamp));
    return { ...resposta, servidor };
  }

  /**
   * Seção 4c. Envia o GET, com o último timestamp que este cliente tem da key, a
   * um servidor sorteado. Nunca devolve um value anterior a um que já devolveu,
   * nem com vários pedidos em curso. Com `repetir`, um TRY_OTHER_SERVER_OR_LATER só vem ao
   * fim do prazo; sem ele, do primeiro servidor que o disser.
   *
   * @throws {TypeError | RangeError} se key não pode ser enviada.
   * @throws {Error} se nenhum servidor respondeu no prazo.
   */
  async get(key: string): Promise<RespostaDoGet> {
    let agora = this.#mundo.agora();
    const fim = agora + this.#prazo;
    for (let tentativa = 0;; tentativa++) {
      const meuTimestamp = this.#timestamp(key);
      const vistos = this.#vistos;
      const pedido = validar({ tipo: "GET", key, timestamp: meuTimestamp });
      const { resposta, servidor } = await this.#pedir(pedido, fim, agora);
      const { tipo } = resposta;
      if (tipo !== "GET_OK" && tipo !== "TRY_OTHER_SERVER_OR_LATER") {
        throw inesperada(resposta, servidor);
      }
      // Se outro pedido deste cliente, enquanto isso, viu um value mais novo,
      // este GET_OK já seria voltar no tempo: pergunta de novo. Com muitas keys, uma consulta ao
      // Map é cara: só se faz se algum viu alguma coisa.
      const meu = vistos === this.#vistos ? meuTimestamp : this.#timestamp(key);
      const atual = resposta.timestamp >= meu;
      if (tipo === "GET_OK" && resposta.timestamp > meu) this.#ver(key, resposta.timestamp);
      const serve = tipo === "GET_OK" ? atual : !this.#repetir;
      if (serve || !await this.#esperar(tentativa, fim)) {
        const { id, timestamp } = resposta;
        return resposta.tipo === "GET_OK" && atual
          ? { ...resposta, servidor, meuTimestamp }
          : { tipo: "TRY_OTHER_SERVER_OR_LATER", id, key, timestamp, servidor, meuTimestamp };
      }
      agora = this.#mundo.agora();
    }
  }

  /** Fecha os elos; os pedidos em curso falham na hora. Fechar de novo nada faz. */
  async fechar(): Promise<void> {
    this.#fechado = true;
    await Promise.allSettled(this.#servidores.map(({ discando }) => discando));
    for (const { elo } of this.#servidores) elo?.fechar("Cliente fechado");
  }

  /** O mesmo que {@linkcode fechar}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.fechar();
  }

  /** Fica com os timestamps de outro cliente dos mesmos servidores: um INIT repetido não os esquece. */
  async #suceder(anterior: Cliente): Promise<void> {
    await anterior.fechar();
    const nomes = (cliente: Cliente) => cliente.#servidores.map(({ nome }) => nome).sort().join();
    if (nomes(this) !== nomes(anterior)) return;
    for (const [key, timestamp] of anterior.#timestamps) this.#timestamps.set(key, timestamp);
  }

  /** Este cliente viu um timestamp mais novo de uma key. */
  #ver(key: string, timestamp: number): void {
    this.#vistos++;
    this.#timestamps.set(key, timestamp);
  }

  /** O último timestamp que este cliente tem da key. */
  #timestamp(key: string): number {
    return this.#timestamps.get(key) ?? 0;
  }

  /** Milissegundos que faltam; nunca negativo. */
  #resta(fim: number, agora = this.#mundo.agora()): number {
    return Math.max(0, fim - agora);
  }

  /** Espera antes de repetir; `false`, sem esperar, se o prazo acabaria antes. */
  async #esperar(tentativa: number, fim: number): Promise<boolean> {
    const { primeira, maior } = REPETIR_MS;
    const ms = esperaDaTentativa(this.#mundo, tentativa, primeira, maior);
    if (this.#fechado || ms >= this.#resta(fim)) return false;
    await esperar(this.#mundo, ms);
    return true;
  }

  /**
   * Envia o pedido a um servidor sorteado. Se não o alcança, tenta outro; um GET,
   * que não muda nada, também quando a conexão se perde ou a resposta não vem.
   *
   * @param agora O relógio, que se consulta uma vez por pedido: custa o que custa um Map.
   */
  async #pedir(
    pedido: Corpo,
    fim: number,
    agora: number,
  ): Promise<{ resposta: Corpo; servidor: string }> {
    for (let tentativa = 0;; tentativa++) {
      let motivo = "";
      let porTentar = this.#servidores;
      // Parte do prazo é dos servidores que ainda não tentou; menos para um PUT enviado.
      for (let faltam = porTentar.length; faltam > 0; faltam--) {
        const ligacao = porTentar[Math.floor(this.#mundo.acaso() * faltam)]!;
        if (this.#fechado) throw falha("Cliente fechado", { definitivo: true });
        let { elo } = ligacao;
        try {
          if (!elo) {
            elo = await this.#discar(ligacao, this.#resta(fim, agora) / faltam);
            agora = this.#mundo.agora();
          }
          const partes = pedido.tipo === "GET" ? faltam : 1;
          const resposta = await elo.pedir(pedido, this.#resta(fim, agora) / partes, agora);
          return { resposta, servidor: ligacao.nome };
        } catch (erro) {
          agora = this.#mundo.agora();
          const outro = !elo || pedido.tipo === "GET" || falhaDefinitiva(erro);
          if (!outro || this.#resta(fim, agora) === 0) throw erro;
          motivo = textoDoErro(erro);
          porTentar = porTentar.filter((outra) => outra !== ligacao);
        }
      }
      if (!this.#repetir || !await this.#esperar(tentativa, fim)) {
        throw falha(`Nenhum servidor pôde ser alcançado: ${motivo}`, { definitivo: true });
      }
      agora = this.#mundo.agora();
    }
  }

  /** Disca, ou espera, o seu prazo e não o do outro, por quem já está discando. */
  async #discar(ligacao: Ligacao, prazo: number): Promise<Elo<Corpo>> {
    const desistir = new AbortController();
    const demora = esperar(this.#mundo, prazo, desistir.signal).then(() => {
      throw falha(`${ligacao.nome}: não responde`, { definitivo: true });
    });
    try {
      return await Promise.race([this.#ligar(ligacao, prazo), demora]);
    } finally {
      demora.catch(() => {});
      desistir.abort();
    }
  }

  #ligar(ligacao: Ligacao, prazo: number): Promise<Elo<Corpo>> {
    return ligacao.discando ??= discar(ligacao.endereco, prazo, {
      ...this.#aoDiscar,
      mundo: this.#mundo,
      aoPerder: () => ligacao.elo = undefined,
    }).then((elo) => {
      if (!elo.perdido) ligacao.elo = elo;
      return elo;
    }).finally(() => ligacao.discando = undefined);
  }

  // --- Console ---------------------------------------------------------------

  /**
   * O programa: opções, depois um pedido só (`put`, `get`), o `estado` ou o menu.
   * Devolve o código de saída: {@linkcode CODIGOS}, e 0 se o teclado acabou.
   */
  static async main(args: readonly string[]): Promise<number> {
    const tela = abrirTela();
    let opcoes: OpcoesDaLinha | string;
    try {
      opcoes = lerLinhaDeComando(args);
    } catch (erro) {
      tela.erro(`ERRO: ${textoDoErro(erro)}`);
      await tela.despedir();
      return CODIGOS.usoErrado;
    }
    let codigo: number = CODIGOS.respondido;
    if (typeof opcoes === "string") tela.linha(opcoes);
    else if (opcoes.saude) {
      codigo = await mostrarEstado(opcoes.saude, opcoes.cliente.prazo, tela, opcoes.json);
    } else if (opcoes.pedido) {
      const servidores = opcoes.servidores ?? ENDERECOS_PADRAO;
      await using cliente = new Cliente(servidores, opcoes.cliente);
      codigo = await Cliente.#pedirUmaVez(cliente, opcoes.pedido, tela, opcoes.json);
    } else await Cliente.#menu(opcoes.servidores, opcoes.cliente, tela);
    await tela.despedir();
    return codigo;
  }

  /** Um pedido só, da linha de comando; o value `-` é o que vier pela entrada, como vier. */
  static async #pedirUmaVez(
    cliente: Cliente,
    pedido: PedidoDaConsole & { daEntrada?: boolean },
    tela: Tela,
    json: boolean,
  ): Promise<number> {
    if (!pedido.daEntrada) return await Cliente.#executar(cliente, pedido, tela, json);
    let value: string;
    try {
      value = await lerEntrada(LINHA_BYTES_MAX);
    } catch (erro) {
      const texto = textoDoErro(erro);
      if (json) tela.linha(jsonVisivel({ tipo: "ERRO", erro: texto, definitivo: true }));
      tela.erro(`ERRO: ${texto} (o PUT não aconteceu)`);
      return CODIGOS.falhou;
    }
    return await Cliente.#executar(cliente, { ...pedido, value }, tela, json);
  }

  /** Seção 6: o menu interativo, só com INIT, PUT e GET. */
  static async #menu(
    servidores: readonly Endereco[] | undefined,
    opcoes: OpcoesDoCliente,
    tela: Tela,
  ) {
    let cliente = servidores && new Cliente(servidores, opcoes);
    const teclado = await abrirTeclado(tela);
    try {
      for (;;) {
        const escolha = await teclado.perguntar("Menu: 1) INIT  2) PUT  3) GET\nOpção: ");
        const funcao = FUNCOES[escolha.trim().toUpperCase()];
        if (funcao === "INIT") {
          const novo = new Cliente(await Cliente.#init(teclado, tela), opcoes);
          if (cliente) await novo.#suceder(cliente);
          cliente = novo;
        } else if (!funcao) {
          tela.erro(
            `ERRO: opção inválida: ${citar(escolha)}; escolha INIT, PUT ou GET (Ctrl-D sai)`,
          );
        } else if (!cliente) {
          tela.erro(`ERRO: faça INIT antes de ${funcao}`);
        } else {
          const key = await teclado.perguntar("key: ");
          if (key === "") tela.erro("ERRO: key não pode ser vazia");
          else if (funcao === "GET") await Cliente.#executar(cliente, { key }, tela);
          else {
            const value = await teclado.perguntar("value: ");
            await Cliente.#executar(cliente, { key, value }, tela);
          }
        }
      }
    } catch (erro) {
      if (erro !== FIM_DO_TECLADO) throw erro;
    } finally {
      teclado.fechar();
      await cliente?.fechar();
    }
  }

  /** Seção 4a. INIT: captura do teclado os IPs e as portas dos três servidores. */
  static async #init(teclado: Teclado, tela: Tela): Promise<Endereco[]> {
    const servidores: Endereco[] = [];
    for (const [n, padrao] of ENDERECOS_PADRAO.entries()) {
      const nome = `do servidor ${n + 1}`;
      const ip = await perguntarAte(teclado, tela, `IP ${nome}`, padrao.ip, lerIp);
      const porta = String(padrao.porta);
      servidores.push({
        ip,
        porta: await perguntarAte(teclado, tela, `Porta ${nome}`, porta, lerPorta),
      });
    }
    return servidores;
  }

  /** Faz um pedido e mostra o resultado numa linha (seção 6); devolve o código de saída. */
  static async #executar(
    cliente: Cliente,
    { key, value }: PedidoDaConsole,
    tela: Tela,
    json = false,
  ): Promise<number> {
    try {
      if (value !== undefined) {
        const { servidor, ...corpo } = await cliente.put(key, value);
        tela.linha(
          json ? jsonVisivel(corpo) : `PUT_OK key: ${visivel(key)} value ${visivel(value)} ` +
            `timestamp ${corpo.timestamp} realizada no servidor ${servidor}`,
        );
      } else {
        const { servidor, meuTimestamp, ...corpo } = await cliente.get(key);
        const valor = corpo.tipo === "GET_OK" ? corpo.value ?? "NULL" : corpo.tipo;
        tela.linha(
          json ? jsonVisivel(corpo) : `GET key: ${visivel(key)} value: ${visivel(valor)} ` +
            `obtido do servidor ${servidor}, meu timestamp ${meuTimestamp} ` +
            `e do servidor ${corpo.timestamp}`,
        );
      }
      return CODIGOS.respondido;
    } catch (erro) {
      const definitivo = value === undefined || falhaDefinitiva(erro);
      const { resposta } = (erro as Error).cause as CausaDaFalha | undefined ?? {};
      const texto = textoDoErro(erro);
      if (json) tela.linha(jsonVisivel(resposta ?? { tipo: "ERRO", erro: texto, definitivo }));
      const certeza = value === undefined
        ? ""
        : definitivo
        ? " (o PUT não aconteceu)"
        : " (o PUT pode ter acontecido)";
      tela.erro(`ERRO: ${texto}${certeza}`);
      return definitivo ? CODIGOS.falhou : CODIGOS.naoSeSabe;
    } finally {
      await tela.esvaziar();
    }
  }
}

/** Os códigos de saída de `put`, `get` e `estado`. */
const CODIGOS = {
  /** Um servidor respondeu, ainda que NULL ou TRY_OTHER_SERVER_OR_LATER; os PUTs são aceitos. */
  respondido: 0,
  /** Falhou, e certamente não teve efeito; os PUTs não são aceitos. */
  falhou: 1,
  usoErrado: 2,
  /** O PUT pode ter acontecido. */
  naoSeSabe: 3,
} as const;

/** Um servidor, e o elo com ele: discado no primeiro pedido, e de novo quando se perde. */
interface Ligacao {
  readonly endereco: Endereco;
  /** O endereço, como se mostra. */
  readonly nome: string;
  elo: Elo<Corpo> | undefined;
  discando: Promise<Elo<Corpo>> | undefined;
}

/** Um pedido feito na console: PUT se há value, senão GET. */
type PedidoDaConsole = { key: string; value?: string };

/** O que o menu aceita, por nome ou número. */
const FUNCOES: { readonly [escolha: string]: "INIT" | "PUT" | "GET" } = {
  "1": "INIT",
  "2": "PUT",
  "3": "GET",
  INIT: "INIT",
  PUT: "PUT",
  GET: "GET",
};

/**
 * Valida o pedido como o servidor fará, para que o erro apareça antes de sair.
 * Um erro aqui é definitivo: nada foi enviado.
 */
function validar(pedido: Corpo): Corpo {
  try {
    const { corpo } = Mensagem.ler(pedido);
    // Um caractere ocupa até 6 bytes em JSON: quase sempre basta o comprimento.
    const value = corpo.tipo === "PUT" ? corpo.value : "";
    if (value.length * 6 <= LINHA_BYTES_MAX / 2) return corpo;
    const linha = new Mensagem({ ...corpo, id: Number.MAX_SAFE_INTEGER }).linha();
    const bytes = bytesEmUtf8(linha);
    if (bytes <= LINHA_BYTES_MAX) return corpo;
    const teria = noLimite(`a linha teria ${bytes} bytes`, LINHA_BYTES_MAX);
    throw new RangeError(`Pedido recusado: ${teria}`);
  } catch (erro) {
    (erro as Error).cause = { definitivo: true } satisfies CausaDaFalha;
    throw erro;
  }
}

/** O erro de uma resposta que não é a esperada: quase sempre, um ERRO do servidor. */
function inesperada(resposta: Corpo, servidor: string): Error {
  return resposta.tipo === "ERRO"
    ? falha<CausaDaFalha>(`${resposta.erro} (servidor ${servidor})`, {
      definitivo: resposta.definitivo,
      resposta,
    })
    : falha(`Resposta inesperada do servidor ${servidor}: ${resposta.tipo}`, { definitivo: false });
}

// === O estado dos servidores =================================================
// Pergunta-se a cada um na sua porta de saúde, em HTTP, e nunca na porta dos clientes: quem faz
// PUTs e GETs continua sem saber quem lidera.

/** Um texto curto de uma resposta: um endereço, uma versão. */
const curto = texto(300);
const enderecos = lista(curto, 64);

/** O que um servidor diz de si na porta de saúde, pronto (200) ou não (503). */
const lerSaude: Leitor<EstadoDoServidor> = objeto({
  pronto: simOuNao,
  aceitaPuts: simOuNao,
  motivo: texto(1_000),
  /** Vazio enquanto carrega a tabela. */
  papel: umDe("lider", "seguidor", "unico", ""),
  servidor: curto,
  lider: curto,
  replicas: opcional(inteiro, 0),
  /** De um líder, os seguidores em dia; de um seguidor em dia, o líder. */
  emDia: enderecos,
  entrando: opcional(enderecos, []),
  faltam: lista(objeto({ servidor: curto, desde: curto, segundos: inteiro }), 64),
  /** Quantos o líder nunca viu desde que começou. */
  porVir: opcional(inteiro, 0),
  timestamp: inteiro,
  confirmado: inteiro,
  keys: inteiro,
  epoca: curto,
  versao: curto,
});
type Saude = EstadoDoServidor;

/** Uma porta de saúde, e o que respondeu, ou por que não se sabe. */
type Visto = { readonly saude: string } & (Saude | { readonly erro: string });

/** Cada papel, como se mostra. */
const PAPEIS = { lider: "líder", seguidor: "seguidor", unico: "único", "": "a carregar" } as const;

const NUMEROS = ["timestamp", "confirmado", "keys"];
const TITULOS = ["servidor", "papel", "pronto", ...NUMEROS, "versão", "situação"];

/** O comando `estado`: pergunta a todos, mostra-os, e devolve o código de saída. */
async function mostrarEstado(
  saude: readonly Endereco[],
  prazo: number,
  tela: Tela,
  json: boolean,
): Promise<number> {
  const vistos = await Promise.all(saude.map((endereco) => perguntarSaude(endereco, prazo)));
  const respostas = vistos.filter((visto) => "pronto" in visto);
  const recusa = porqueNaoAceita(respostas);
  const [aceitaPuts, avisos] = [recusa === undefined, avisosDe(respostas)];
  if (json) tela.linha(jsonVisivel({ aceitaPuts, avisos, servidores: vistos }));
  else {
    for (const linha of fazerTabela(TITULOS, vistos.map(celulas), NUMEROS)) tela.linha(linha);
    tela.linha(visivel(`PUTs: ${aceitaPuts ? "aceitos" : `não aceitos: ${recusa}`}`));
    for (const aviso of avisos) tela.linha(visivel(`Aviso: ${aviso}`));
  }
  return aceitaPuts ? CODIGOS.respondido : CODIGOS.falhou;
}

async function perguntarSaude(endereco: Endereco, prazo: number): Promise<Visto> {
  const saude = textoDoEndereco(endereco);
  const ler = (json: unknown) => lerSaude(json, "a resposta");
  const pedido = { prazo, bytesMax: SAUDE_BYTES_MAX, aceitos: [200, 503], ler };
  try {
    return { saude, ...await pedirJson(endereco, "/readyz", pedido) };
  } catch (erro) {
    return { saude, erro: textoDoErro(erro) };
  }
}

/** Por que não são aceitos PUTs; `undefined` se um líder, e um só, diz que os aceita. */
function porqueNaoAceita(respostas: readonly Saude[]): string | undefined {
  const lideres = respostas.filter(lidera);
  const aceitam = lideres.filter(({ aceitaPuts }) => aceitaPuts).length;
  if (aceitam === 1) return undefined;
  if (aceitam > 1) return `${aceitam} servidores dizem, cada um, que é o líder e que os aceita`;
  if (respostas.length === 0) return "nenhum servidor respondeu";
  if (lideres.length === 0) return "nenhum dos que responderam é o líder";
  return lideres.map((um) => um.motivo || `${um.servidor} não diz por quê`).join("; ");
}

/** O que uma pessoa não pode deixar de ver, uma frase para cada coisa. */
function avisosDe(respostas: readonly Saude[]): string[] {
  const lideres = respostas.filter(lidera).map(({ servidor }) => servidor);
  const varios = `${lideres.length} servidores dizem que são o líder: ${lideres.join(", ")}`;
  return [
    ...(lideres.length > 1 ? [varios] : []),
    ...desacordo("os servidores não têm todos o mesmo líder", respostas, "lider"),
    ...desacordo("servidores em dia têm histórias diferentes", respostas.filter(emDia), "epoca"),
    ...desacordo("os servidores não têm todos a mesma versão", respostas, "versao"),
  ];
}

/** A frase, e quem diz o quê, se num campo nem todos dizem o mesmo; vazio é nada dizer. */
function desacordo(frase: string, todas: readonly Saude[], campo: "lider" | "epoca" | "versao") {
  const ditos = Map.groupBy(todas.filter((um) => um[campo]), (um) => um[campo]);
  const partes = [...ditos].map(([valor, quem]) =>
    `${valor} (${quem.map(({ servidor }) => servidor).join(", ")})`
  );
  return partes.length > 1 ? [`${frase}: ${partes.join("; ")}`] : [];
}

const lidera = ({ papel }: Saude) => papel === "lider" || papel === "unico";

/** Se tem tudo o que o grupo confirmou: um líder, sempre; um seguidor, se está em dia com o seu. */
const emDia = (um: Saude) => um.pronto && (lidera(um) || um.emDia.length > 0);

/** Uma linha da tabela. */
function celulas(visto: Visto): string[] {
  if ("erro" in visto) {
    return [`${visto.saude} (saúde)`, ...Array(TITULOS.length - 2).fill("-"), visto.erro];
  }
  const { servidor, papel, pronto, timestamp, confirmado, keys, versao } = visto;
  const numeros = [timestamp, confirmado, keys].map(String);
  return [servidor, PAPEIS[papel], pronto ? "sim" : "não", ...numeros, versao, situacao(visto)];
}

/** O que falta a um servidor, em palavras. */
function situacao(um: Saude): string {
  const partes = [
    ...um.faltam.map((outro) => `falta ${outro.servidor} há ${textoDaDuracao(outro.segundos)}`),
    ...um.entrando.map((outro) => `${outro} a entrar`),
    ...(um.porVir > 0 ? [`${um.porVir} por vir`] : []),
  ];
  if (um.motivo !== "" && (!um.pronto || partes.length === 0)) partes.push(um.motivo);
  return partes.join(", ") || (emDia(um) ? "em dia" : "não está em dia");
}

// === Linha de comando do cliente =============================================

const AJUDA = `Uso: cliente [opções]                  menu com INIT, PUT e GET
     cliente [opções] put KEY VALUE    um PUT só; o VALUE - vem da entrada
     cliente [opções] get KEY          um GET só
     cliente [opções] estado           os servidores numa tabela, por --saude

  --servidores=IP:PORTA,IP:PORTA,IP:PORTA
                        os servidores, em vez do INIT (com put e get, sem esta
                        opção: 127.0.0.1, portas 10097, 10098 e 10099)
  --saude=IP:PORTA,IP:PORTA,IP:PORTA
                        com estado: as portas de saúde dos servidores
  --json                com put, get e estado: em JSON, numa linha
  --prazo=MS            maior espera por uma resposta (${PRAZO_MS})
  --segredo=ARQUIVO     prova que sabe este segredo, e o exige de quem serve
  --tls-ca=ARQUIVO      disca em TLS, e confia nesta autoridade (PEM)
  --rastro=ARQUIVO      anota cada mensagem enviada e recebida
  --ajuda, --help, -h   este texto
  --versao, --version   a versão

Antes de uma key ou um value que começa com "-", ponha "--".
Saída de put e get: 0 um servidor respondeu, 1 falha (certamente sem efeito),
2 uso errado, 3 o PUT pode ter acontecido. De estado: 0 aceitam-se PUTs, 1 não.`;

/** O que a linha de comando pede. */
interface OpcoesDaLinha {
  readonly servidores: readonly Endereco[] | undefined;
  readonly cliente: OpcoesDoCliente & { readonly prazo: number };
  readonly json: boolean;
  readonly pedido: (PedidoDaConsole & { daEntrada?: boolean }) | undefined;
  /** As portas de saúde, se o comando é `estado`. */
  readonly saude: readonly Endereco[] | undefined;
}

/** Lê as opções; um texto, se é só para mostrá-lo. @throws {TypeError} se alguma não serve. */
function lerLinhaDeComando(args: readonly string[]): OpcoesDaLinha | string {
  const textos = ["servidores", "saude", "prazo", "rastro", ...OPCOES_DE_QUEM_DISCA];
  const lidos = lerArgumentos(args, { textos, sinais: ["json"] });
  const { opcoes, livres } = lidos;
  if (opcoes.ajuda) return AJUDA;
  if (opcoes.versao) return `cliente ${VERSAO}`;
  const saude = lerEstado(lidos);
  const servidores = lerOpcao(lidos, "servidores", lerEnderecos);
  const prazo = lerOpcao(lidos, "prazo", inteiroEntre(1, ESPERA_MS_MAX)) ?? PRAZO_MS;
  const pedido = saude ? undefined : lerPedido(livres, args.includes("--"));
  if (opcoes.json && !pedido && !saude) {
    throw new TypeError("--json só vale com put, get ou estado");
  }
  const rastro = lerOpcao(
    lidos,
    "rastro",
    (arquivo) => abrirRastro(arquivo, `cliente ${Deno.pid}`, CAMPOS_SECRETOS),
  );
  const cliente = { prazo, repetir: false, seguranca: lerSeguranca(lidos), rastro };
  return { servidores, cliente, json: opcoes.json !== undefined, pedido, saude };
}

function lerEnderecos(lista: string): Endereco[] {
  return lista.split(",").map(lerEndereco);
}

/** As portas de saúde, se o comando é `estado`, que não fala com a porta dos clientes. */
function lerEstado(lidos: Argumentos): Endereco[] | undefined {
  const { opcoes, livres } = lidos;
  const saude = lerOpcao(lidos, "saude", lerEnderecos);
  if (livres[0]?.toLowerCase() !== "estado") {
    if (saude) throw new TypeError("--saude só vale com estado");
    return undefined;
  }
  if (!saude || livres.length > 1) throw new TypeError("Uso: estado --saude=IP:PORTA,IP:PORTA,…");
  const alheia = ["servidores", "rastro", ...OPCOES_DE_QUEM_DISCA].find((nome) => opcoes[nome]);
  if (alheia) throw new TypeError(`--${alheia} não vale com estado, que só fala com --saude`);
  return saude;
}

/** O pedido; depois de "--", um "-" é só um "-". */
function lerPedido(livres: readonly string[], literal: boolean): OpcoesDaLinha["pedido"] {
  const [comando, key, value] = livres;
  if (comando === undefined) return undefined;
  const nome = comando.toLowerCase();
  if (nome === "put" && livres.length === 3) {
    return { key: key!, value: value!, daEntrada: value === "-" && !literal };
  }
  if (nome === "get" && livres.length === 2) return { key: key! };
  if (nome === "put") {
    throw new TypeError("Uso: put KEY VALUE; um value com espaços vai entre aspas");
  }
  if (nome === "get") throw new TypeError("Uso: get KEY");
  throw new TypeError(`Comando desconhecido: ${citar(comando)}; use put, get ou estado`);
}

if (import.meta.main) Deno.exit(await Cliente.main(Deno.args));
